"""Progress as server-sent events: each change once, an end, a heartbeat, and one query for all who watch."""

import asyncio
import gc
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.doorkeeper import Doorkeeper, doorkeeper
from jobs import following
from jobs.errors import TooManyFollow
from jobs.following import Followers, Stream, mark_of
from jobs.models import Job, State

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def job():
    return Job.objects.create(kind="test", state=State.RUNNING, progress=0.25, message="a quarter")


@pytest.fixture
def still(monkeypatch):
    """Followers whose thread never looks: the test does."""
    monkeypatch.setattr(Followers, "_run", lambda self: None)
    return Followers()


def told(line):
    """Id, kind and data of one event."""
    fields = dict(part.split(": ", 1) for part in line.strip().splitlines())
    return fields["id"], fields["event"], json.loads(fields["data"])


async def all_of(lines):
    return [line async for line in lines]


def test_each_change_is_told_once_and_the_end_ends_the_stream(job, still):
    stream = Stream(job)
    still.join(stream)

    async def watch():
        lines = stream.lines()
        assert await anext(lines) == "retry: 2000\n\n"
        first = told(await anext(lines))
        stream.tell({**stream.told_now})  # nothing new
        stream.tell({**stream.told_now, "progress": 0.5})
        second = told(await anext(lines))
        stream.tell({**stream.told_now, "state": State.DONE, "progress": 1.0})
        return [first, second, *[told(line) for line in await all_of(lines)]]

    events = asyncio.run(watch())
    assert [kind for _, kind, _ in events] == ["progress", "progress", "end"]
    assert [data["progress"] for *_, data in events] == [0.25, 0.5, 1.0]
    assert events[0][2] == {"id": job.pk, "state": "running", "progress": 0.25, "message": "a quarter", "error": ""}
    assert len({mark for mark, *_ in events}) == 3


def test_who_comes_back_is_not_told_the_same_again(job, still, monkeypatch):
    monkeypatch.setattr(following, "HEARTBEAT_SECONDS", 0.01)
    stream = Stream(job)

    async def watch():
        lines = stream.lines(mark_of(stream.told_now))
        return [await anext(lines), await anext(lines)]

    assert asyncio.run(watch()) == ["retry: 2000\n\n", ": it goes on\n\n"]


@pytest.mark.parametrize("watchers", [1, 20])
def test_a_look_is_one_query_however_many_watch(job, still, watchers):
    others = [Job.objects.create(kind="test", state=State.RUNNING) for _ in range(5)]
    streams = [Stream(each) for each in (job, *others) for _ in range(watchers)]
    for stream in streams:
        still.join(stream)
    Job.objects.filter(pk=job.pk).update(progress=0.75)
    others[0].delete()
    with CaptureQueriesContext(
        connection,
    ) as seen:
        still.look()
    assert len(seen) == 1
    assert {stream.told_now["progress"] for stream in streams[:watchers]} == {0.75}
    assert {stream.is_over for stream in streams[watchers : 2 * watchers]} == {True}  # it is gone
    assert {stream.is_over for stream in streams[2 * watchers :]} == {False}


def test_there_are_only_so_many_streams(job, still, monkeypatch):
    monkeypatch.setattr(following, "MOST_STREAMS", 1)
    first = Stream(job)
    still.join(first)
    with pytest.raises(TooManyFollow):
        still.join(Stream(job))
    still.leave(first)
    still.join(Stream(job))


def test_over_rest_a_job_that_has_ended_is_told_once(job, client_as):
    Job.objects.filter(pk=job.pk).update(state=State.FAILED, error="It broke.")
    client = client_as("viewer")
    path = f"/api/v1/jobs/{job.pk}/events/"
    answer = client.get(path, headers={"accept": "text/event-stream"})
    assert (answer.status_code, answer["Content-Type"], answer["Cache-Control"]) == (
        200,
        "text/event-stream",
        "no-store",
    )

    async def read():
        return [line.decode() async for line in answer]

    lines = asyncio.run(read())
    mark, kind, data = told(lines[-1])
    assert (kind, data["state"], data["error"]) == ("end", "failed", "It broke.")
    again = client.get(path, headers={"accept": "text/event-stream", "last-event-id": mark})
    assert (again.status_code, again.content) == (204, b"")


def test_a_stream_is_counted_as_a_socket_is_and_forgotten_with_its_answer(job, client_as, settings, monkeypatch):
    for watching in (following.Followers, Doorkeeper):
        monkeypatch.setattr(watching, "_run", lambda self: None)
    settings.TOKEN_CONNECTIONS = 1
    client = client_as("viewer")
    path = f"/api/v1/jobs/{job.pk}/events/"
    answer = client.get(path)
    assert (len(following.followers), len(doorkeeper._guests)) == (1, 1)
    refused = client.get(path)
    assert (refused.status_code, refused["Retry-After"]) == (429, "10")
    assert "You hold 1 open sockets" in refused.json()["error"]["message"]
    answer.close()
    del answer
    gc.collect()
    assert (len(following.followers), len(doorkeeper._guests)) == (0, 0)
