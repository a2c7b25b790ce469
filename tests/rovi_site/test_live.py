"""What live pages are told, and who may listen."""

import asyncio
import threading
import time

import pytest
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError

from datahub.ingest import store_records
from jobs.models import Job, State
from rovi_site import live, sources
from rovi_site.consumers import UpdatesConsumer
from rovi_site.live import Source, Ticker, Watcher
from tests.rovi_site.pages import battery_with_rows, with_estimates
from twin.models import EstimatorProgress

HOST = [(b"host", b"rovi.example"), (b"origin", b"http://rovi.example")]


def changed_by(source: Source, act) -> set[int]:
    source.changed(0.0)
    act()
    return source.changed(0.0)


# --- sources ---------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_battery_changes_when_rows_come_and_not_before():
    one, other = battery_with_rows("one", rows=2), battery_with_rows("other", rows=2)
    source = Source("battery", sources.batteries_since)
    assert source.changed(0.0) == {one.pk, other.pk}
    assert changed_by(source, lambda: None) == set()
    assert changed_by(source, lambda: store_records("one", [{"test_time": 99.0, "voltage": 3.6}])) == {one.pk}


@pytest.mark.django_db
def test_an_estimator_changes_when_it_steps_and_when_it_fails():
    estimator = with_estimates(battery_with_rows("one", rows=2))
    source = Source("estimator", sources.estimators_since)
    step = EstimatorProgress.objects.filter(pk=estimator.pk)
    assert changed_by(source, lambda: step.update(cursor=3)) == {estimator.pk}
    assert changed_by(source, lambda: type(estimator).objects.update(state="failed")) == {estimator.pk}
    assert changed_by(source, lambda: None) == set()


@pytest.mark.django_db
def test_a_battery_s_twin_changes_with_its_current_estimator_and_not_with_each_step():
    battery = battery_with_rows("one", rows=2)
    source = Source("twin", sources.twins_since)
    assert source.changed(0.0) == set()
    first = with_estimates(battery)
    assert source.changed(0.0) == {battery.pk}
    step = EstimatorProgress.objects.filter(pk=first.pk)
    assert changed_by(source, lambda: step.update(cursor=1)) == set()


@pytest.mark.django_db
def test_a_job_changes_with_its_progress_and_its_end():
    job = Job.objects.create(kind="import_file", state=State.RUNNING)
    source = Source("job", sources.jobs_since)
    one = Job.objects.filter(pk=job.pk)
    assert changed_by(source, lambda: one.update(progress=0.5)) == {job.pk}
    assert changed_by(source, lambda: one.update(state=State.DONE)) == {job.pk}
    assert changed_by(source, lambda: None) == set()


# --- the ticker ------------------------------------------------------------------------------------------------------
class Table:
    """Stands for the database: marks by id, or an error."""

    def __init__(self) -> None:
        self.rows: dict[int, int] = {}
        self.looks = 0
        self.fails = False

    def read(self, since: float):
        self.looks += 1
        if self.fails:
            raise DatabaseError("locked")
        return list(self.rows.items())


@pytest.fixture
def table(monkeypatch):
    monkeypatch.setattr(live, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(live, "close_old_connections", lambda: None)
    return Table()


async def news(watcher: Watcher) -> dict[str, set[int]]:
    await asyncio.wait_for(watcher.woken.wait(), 5)
    return watcher.take()


async def real_news(watcher: Watcher) -> dict[str, set[int]]:
    while not (found := await news(watcher)):
        pass
    return found


async def until(condition) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about within five seconds")


async def test_every_watcher_is_told_of_one_look(table):
    ticker = Ticker(lambda: [Source("battery", table.read)])
    watchers = [Watcher(asyncio.get_running_loop()) for _ in range(3)]
    for watcher in watchers:
        ticker.join(watcher)
    await until(lambda: table.looks > 1)
    table.rows[7] = 1
    assert [await real_news(watcher) for watcher in watchers] == [{"battery": {7}}] * 3
    for watcher in watchers:
        ticker.leave(watcher)


async def test_nobody_watching_nobody_asks(table):
    ticker = Ticker(lambda: [Source("battery", table.read)])
    watcher = Watcher(asyncio.get_running_loop())
    ticker.join(watcher)
    await until(lambda: table.looks > 1)
    ticker.leave(watcher)
    await until(lambda: not any(thread.name == "live-ticker" for thread in threading.enumerate()))
    looks = table.looks
    await asyncio.sleep(0.1)
    assert table.looks == looks
    ticker.join(watcher)  # and it begins again
    await until(lambda: table.looks > looks)
    ticker.leave(watcher)


async def test_a_slow_watcher_gets_all_changes_at_once(table):
    watcher = Watcher(asyncio.get_running_loop())
    for number in range(1000):
        watcher.tell({"battery": {number}})
    assert watcher.take() == {"battery": set(range(1000))}
    assert watcher.waiting == {}


async def test_a_database_that_fails_is_silence_and_then_news(table):
    ticker = Ticker(lambda: [Source("battery", table.read)])
    watcher = Watcher(asyncio.get_running_loop())
    ticker.join(watcher)
    await until(lambda: table.looks > 1)
    table.fails = True
    looks = table.looks
    await until(lambda: table.looks > looks + 20)  # over twice the time of a heartbeat
    watcher.take()
    table.rows[7], before = 1, table.looks
    await until(lambda: table.looks > before + 5)
    assert not watcher.woken.is_set()
    table.fails = False
    assert await real_news(watcher) == {"battery": {7}}
    ticker.leave(watcher)


# --- the socket ------------------------------------------------------------------------------------------------------
def socket(user, headers=HOST) -> WebsocketCommunicator:
    communicator = WebsocketCommunicator(UpdatesConsumer.as_asgi(), "/ws/updates/", headers=headers)
    communicator.scope["user"] = user
    return communicator


@pytest.fixture
def quiet_ticker(monkeypatch, table):
    ticker = Ticker(lambda: [Source("battery", table.read)])
    monkeypatch.setattr("rovi_site.consumers.ticker", ticker)
    return ticker


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("role", "is_let_in"), [("viewer", True), ("nobody", False)])
async def test_a_socket_is_for_viewers(user_with_role, quiet_ticker, role, is_let_in):
    from asgiref.sync import sync_to_async

    communicator = socket(await sync_to_async(user_with_role)(role))
    connected, _ = await communicator.connect()
    assert connected is is_let_in
    if is_let_in:
        assert await communicator.receive_json_from() == {"changed": {}}
        await communicator.disconnect()
    assert quiet_ticker._watchers == set()


@pytest.mark.django_db(transaction=True)
async def test_a_page_of_another_origin_opens_no_socket_with_our_cookie(user_with_role, quiet_ticker):
    from asgiref.sync import sync_to_async

    foreign = [(b"host", b"rovi.example"), (b"origin", b"https://evil.example")]
    connected, _ = await socket(await sync_to_async(user_with_role)("viewer"), foreign).connect()
    assert connected is False


async def test_a_stranger_opens_no_socket(quiet_ticker):
    connected, _ = await socket(AnonymousUser()).connect()
    assert connected is False


@pytest.mark.django_db(transaction=True)
async def test_a_socket_tells_ids(user_with_role, quiet_ticker, table):
    from asgiref.sync import sync_to_async

    communicator = socket(await sync_to_async(user_with_role)("viewer"))
    await communicator.connect()
    await communicator.receive_json_from()
    await until(lambda: table.looks > 1)
    table.rows.update({7: 1, 3: 1})
    message: dict = {}
    until_moment = time.monotonic() + 240
    while not message.get("changed") and time.monotonic() < until_moment:
        message = await communicator.receive_json_from(timeout=240)
    assert message == {"changed": {"battery": [3, 7]}}
    await communicator.disconnect()
