"""The client's rules, without a service: when it asks again, what it keeps, what it raises."""

import inspect
import json
import shutil
import subprocess
import sys
import tarfile

import httpx
import msgpack
import pytest
import rovi_client
from rovi_client import (
    AsyncClient,
    Client,
    Columns,
    Invalid,
    NotAllowed,
    NotFound,
    TooMany,
    Unreachable,
    UploadInterrupted,
)
from rovi_client.asking import Patience
from rovi_client.calls import EventReader, columns_from
from rovi_client.connecting import service_at
from rovi_client.streams import StreamState, socket_address

from tests.servers import PROJECT

BATTERY = {"id": 3, "name": "cell", "rows": 7}
LIST = {"count": 1, "next": None, "previous": None, "results": [BATTERY]}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """What would be slept, in s."""
    slept = []
    monkeypatch.setattr("rovi_client.facing_sync.time.sleep", slept.append)
    return slept


def client(*answers, **wishes):
    """A client that is answered so, in order; the last answer is given again and again. And what it asked."""
    asked, left = [], list(answers)

    def answer(request):
        request.read()
        asked.append(request)
        told = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(told, Exception):
            raise told
        return told if isinstance(told, httpx.Response) else httpx.Response(200, json=told)

    return Client("http://service", transport=httpx.MockTransport(answer), **wishes), asked


def refused(status, message="No.", **more):
    headers = {"x-request-id": "abc", **({"retry-after": "7"} if status == 429 else {})}
    return httpx.Response(
        status, json={"error": {"code": "c", "message": message, "hint": "Do.", **more}}, headers=headers
    )


# --- asking again ----------------------------------------------------------------------------------------------------
def test_a_read_is_asked_again_until_it_is_answered(no_pauses):
    rovi, asked = client(httpx.ConnectError("nobody"), httpx.Response(503), refused(429), LIST)
    assert [battery.name for battery in rovi.batteries()] == ["cell"]
    assert len(asked) == 4
    assert no_pauses[2] == 7.0  # as Retry-After says
    assert 0.1 <= no_pauses[0] <= 0.2 <= no_pauses[1] <= 0.4


def test_patience_ends(no_pauses):
    rovi, _ = client(httpx.ConnectError("nobody"), patience=5.0)
    with pytest.raises(Unreachable, match=r"http://service does not answer: nobody"):
        rovi.batteries()
    assert sum(no_pauses) <= 5.0


def test_a_post_that_is_sent_again_bears_the_same_key_and_the_next_another():
    rovi, asked = client(httpx.ReadError("broke"), BATTERY)
    rovi.register("cell")
    rovi.register("cell")
    keys = [request.headers["idempotency-key"] for request in asked]
    assert len(keys) == 3
    assert keys[0] == keys[1] != keys[2]
    assert json.loads(asked[0].content) == json.loads(asked[1].content)


def test_a_change_is_not_asked_again_for_it_may_have_been_made():
    rovi, asked = client(LIST, BATTERY, httpx.ReadError("broke"))
    battery = rovi.battery("cell")
    with pytest.raises(Unreachable):
        rovi.change(battery, description="x")
    assert [request.method for request in asked] == ["GET", "GET", "PATCH"]


def test_pauses_grow_and_end():
    patience = Patience(100.0)
    pauses = [patience.next_pause() for _ in range(8)]
    for pause, longest in zip(pauses, (0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0), strict=True):
        assert longest / 2 <= pause <= longest
    assert patience.next_pause(90.0) is None


# --- what is raised --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "kind"), [(400, Invalid), (401, NotAllowed), (403, NotAllowed), (404, NotFound), (422, Invalid)]
)
def test_a_refusal_carries_the_services_sentence(status, kind):
    rovi, _ = client(refused(status, "The field is odd.", fields={"name": ["Odd."]}))
    with pytest.raises(kind, match=r"The field is odd\. Do\.") as caught:
        rovi.register("cell")
    error = caught.value
    assert (error.status, error.code, error.hint, error.request_id) == (status, "c", "Do.", "abc")
    assert error.fields == {"name": ["Odd."]}


def test_a_refusal_without_a_body_and_one_of_a_seed_path_are_told_too():
    for answer, sentence in (
        (httpx.Response(418), "The service answered HTTP 418."),
        (httpx.Response(404, json={"detail": "No such battery."}), "No such battery."),
    ):
        with pytest.raises(rovi_client.Refused, match=sentence):
            client(answer)[0].job(1)


def test_a_limit_says_how_long_to_wait():
    rovi, _ = client(refused(429), patience=1.0)
    with pytest.raises(TooMany) as caught:
        rovi.job(1)
    assert caught.value.retry_after == 7.0


# --- rows ------------------------------------------------------------------------------------------------------------
def test_an_upload_goes_in_portions_and_tells_where_it_stopped():
    stored = {"stored": 2, "repeated": 0, "rejected": [{"index": 1, "code": "type_mismatch"}]}
    rovi, asked = client(LIST, BATTERY, stored, refused(400))
    rows = {"test_time": [0.0, 1.0, 2.0, 3.0, 4.0]}
    with pytest.raises(UploadInterrupted, match=r"stopped after 2 rows: No\.") as caught:
        rovi.upload("cell", rows, portion=2)
    assert caught.value.done == 2
    assert [msgpack.unpackb(request.content)["test_time"] for request in asked[2:]] == [[0.0, 1.0], [2.0, 3.0]]

    rovi, asked = client(LIST, BATTERY, stored)
    told = rovi.upload("cell", rows, start=2, portion=2)
    assert [msgpack.unpackb(request.content)["test_time"] for request in asked[2:]] == [[2.0, 3.0], [4.0]]
    assert [each["index"] for each in told.rejected] == [3, 5]


def test_rows_are_taken_as_a_frame_columns_or_records():
    pandas = pytest.importorskip("pandas")
    expected = {"a": [1, 2], "b": [0.5, 1.5]}
    assert columns_from(pandas.DataFrame(expected)) == expected
    assert columns_from(expected) == expected
    assert columns_from([{"a": 1, "b": 0.5}, {"a": 2, "b": 1.5}]) == expected
    assert columns_from([{"a": 1}, {"b": 2}]) == {"a": [1, None], "b": [None, 2]}
    assert Columns(expected).to_pandas().equals(pandas.DataFrame(expected))


def test_rows_are_read_behind_their_cursor():
    pages = [
        {"next_after": 2, "results": [{"row_id": 1}, {"row_id": 2}]},
        {"next_after": None, "results": [{"row_id": 3, "x": 1.0}]},
    ]
    rovi, asked = client(LIST, BATTERY, *pages)
    assert dict(rovi.rows("cell")) == {"row_id": [1, 2, 3], "x": [None, None, 1.0]}
    assert [request.url.params.get("after") for request in asked[2:]] == [None, "2"]


def test_a_file_is_whole_or_not_there(tmp_path):
    rovi, _ = client(LIST, BATTERY, httpx.Response(200, content=b"rows"))
    assert rovi.export("cell", tmp_path / "cell.csv").read_bytes() == b"rows"
    assert [path.name for path in tmp_path.iterdir()] == ["cell.csv"]
    with pytest.raises(ValueError, match=r"tells no format; end it in \.csv"):
        rovi.export("cell", tmp_path / "cell.xls")


# --- the socket ------------------------------------------------------------------------------------------------------
def test_what_is_not_acknowledged_is_sent_again_on_the_next_connection():
    state = StreamState()
    state.begin(msgpack.packb({"position": 10}))
    for payload in (b"a", b"b", b"c"):
        state.put(payload, 2)
    assert [state.next_payload() for _ in range(4)] == [b"a", b"b", b"c", None]
    state.hear(msgpack.packb({"ack": 12, "rejected": [{"index": 1, "code": "x"}]}))
    assert (state.handled, state.is_done, state.rejected[1]["code"]) == (2, False, "x")
    state.begin(msgpack.packb({"position": 11}))  # of the two rows one is stored, the other was refused
    assert [state.next_payload() for _ in range(3)] == [b"b", b"c", None]
    state.hear(msgpack.packb({"ack": 15, "rejected": [{"index": 3, "code": "y"}]}))
    assert (state.handled, state.is_done, state.stored_before) == (6, True, 10)
    assert state.rejected[5]["code"] == "y"


# --- jobs ------------------------------------------------------------------------------------------------------------
def event(mark, **told):
    data = json.dumps({"id": 5, "state": "running", "progress": 0.0, "message": "", "error": "", **told})
    return f"id: {mark}\nevent: progress\ndata: {data}\n\n"


def test_a_job_is_followed_across_a_break():
    stream = {"content-type": "text/event-stream"}
    first = httpx.Response(200, content=": hello\n\n" + event("m1", progress=0.5), headers=stream)
    second = httpx.Response(200, content=event("m2", state="done", progress=1.0), headers=stream)
    rovi, asked = client(first, httpx.ConnectError("gone"), second)
    assert [(it.state, it.progress) for it in rovi.follow(5)] == [("running", 0.5), ("done", 1.0)]
    assert [request.headers.get("last-event-id") for request in asked] == [None, "m1", "m1"]


def test_events_are_read_line_by_line():
    reader = EventReader()
    assert [reader.feed(line) for line in (": still there", "", "retry: 2000", "")] == [None] * 4
    lines = event("m9", message="half").splitlines()
    found = [reader.feed(line) for line in [*lines, ""]]
    assert [it.message for it in found if it] == ["half"]
    assert reader.last_id == "m9"


# --- the package -----------------------------------------------------------------------------------------------------
def test_who_asks_may_stand_in_the_address():
    told = service_at("https://me:p%40ss@host:8443/rovi/", "", "", "")
    assert (told.url, told.authorization) == ("https://host:8443/rovi", "Basic bWU6cEBzcw==")
    assert service_at("http://me:x@host", "t0ken", "", "").authorization == "Bearer t0ken"
    assert socket_address("https://host/rovi", "a/b c") == "wss://host/rovi/db/upload/a%2Fb%20c?ack=1"
    with pytest.raises(ValueError, match="is no address of a service"):
        service_at("host:8000", "", "", "")


def test_both_faces_have_the_same_methods_with_the_same_parameters():
    def methods(face):
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(face, inspect.isfunction)
            if not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)
    assert methods(rovi_client.RowStream) == methods(rovi_client.AsyncRowStream)
    assert len(methods(Client)) > 20


def test_what_is_packed_can_be_used_and_brings_its_types(tmp_path):
    """What `pip install ./client` packs: the modules, the mark of types, the words of its page."""
    source = shutil.copytree(PROJECT / "client", tmp_path / "source")  # setuptools builds where the source lies
    code = f"import setuptools.build_meta as it; it.build_sdist({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, timeout=60, capture_output=True)
    (path,) = tmp_path.glob("rovi?client-0.1.0.tar.gz")  # newer setuptools write an underscore
    with tarfile.open(path) as packed:
        packed.extractall(tmp_path, filter="data")
    unpacked = tmp_path / path.name.removesuffix(".tar.gz")
    assert (unpacked / "README.md").exists()
    assert (unpacked / "src" / "rovi_client" / "py.typed").exists()
    code = "import rovi_client; print(rovi_client.__file__)"
    shown = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(unpacked / "src")}, cwd=tmp_path, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert shown.stdout.startswith(str(unpacked))
