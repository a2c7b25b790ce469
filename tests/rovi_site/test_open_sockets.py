"""An open socket ends when its caller may no longer have it, and where it sends more than its limit."""

import asyncio
import threading
import time

import msgpack
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import User
from django.test import Client

from access import doorkeeper
from access.models import Token
from datahub.consumers import UploadSocket
from datahub.models import Battery
from rovi_site.asgi import application
from tests.rovi_site.test_door_sockets import UPDATES, UPLOAD, basic, bearer, cookie

OURS = {"host": "rovi.example", "origin": "http://rovi.example"}
HOST = {"host": "rovi.example"}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch):
    monkeypatch.setattr(doorkeeper, "LOOK_SECONDS", 0.05)


def socket_at(path, **headers):
    scope = {
        "type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"", "subprotocols": [],
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "extensions": {"websocket.http.response": {}}, "client": ("192.0.2.1", 1234),
    }  # fmt: skip
    return ApplicationCommunicator(application, scope)


async def answer_to(socket, kind="websocket.connect", **values):
    await socket.send_input({"type": kind, **values})
    return await socket.receive_output(timeout=240)


async def until_closed(socket):
    while (message := await socket.receive_output(timeout=240))["type"] != "websocket.close":
        continue
    await socket.send_input({"type": "websocket.disconnect", "code": message["code"]})
    await socket.wait(timeout=240)
    return message["code"], message["reason"]


def closes(path, act, **headers):
    """How a socket that is open ends after `act`."""

    async def converse():
        socket = socket_at(path, **headers)
        assert (await answer_to(socket))["type"] == "websocket.accept"
        await sync_to_async(act)()
        return await until_closed(socket)

    return async_to_sync(converse)()


@pytest.mark.parametrize("path", [UPLOAD, UPDATES])
def test_a_revoked_token_closes_its_sockets(path, user_with_role):
    token, secret = bearer(user_with_role("operator"))
    assert closes(path, token.delete, authorization=secret, **HOST) == doorkeeper.LOGGED_OUT


@pytest.mark.parametrize("path", [UPLOAD, UPDATES])
def test_a_logout_closes_the_sockets_of_that_browser(path, user_with_role):
    user = user_with_role("operator")
    browser = Client()
    browser.force_login(user)
    sent = "sessionid=" + browser.cookies["sessionid"].value
    assert closes(path, lambda: browser.post("/logout"), cookie=sent, **OURS) == doorkeeper.LOGGED_OUT


@pytest.mark.parametrize("path", [UPLOAD, UPDATES])
def test_an_account_that_is_switched_off_loses_its_sockets(path, user_with_role):
    user = user_with_role("operator")
    switch_off = User.objects.filter(pk=user.pk).update
    by_cookie = {"cookie": cookie(user), **OURS}
    assert closes(path, lambda: switch_off(is_active=False), **by_cookie) == doorkeeper.LOGGED_OUT


@pytest.mark.parametrize("path", [UPLOAD, UPDATES])
def test_a_role_that_is_taken_away_closes_what_it_opened(path, user_with_role):
    user = user_with_role("operator")
    assert closes(path, user.groups.clear, authorization=basic(user), **HOST) == doorkeeper.ROLE_LOST


def test_an_upload_that_is_closed_for_a_revocation_stored_what_it_had_taken(user_with_role):
    token, secret = bearer(user_with_role("operator"))

    async def converse():
        socket = socket_at(UPLOAD, authorization=secret, **HOST)
        socket.scope["query_string"] = b"ack=1"
        assert (await answer_to(socket))["type"] == "websocket.accept"
        hello = msgpack.unpackb((await socket.receive_output(timeout=240))["bytes"])
        frame = msgpack.packb([{"test_time": 1.0, "voltage": 3.7}])
        acknowledged = msgpack.unpackb((await answer_to(socket, "websocket.receive", bytes=frame))["bytes"])
        await sync_to_async(token.delete)()
        return hello["position"], acknowledged, await until_closed(socket)

    assert async_to_sync(converse)() == (0, {"ack": 1}, doorkeeper.LOGGED_OUT)
    assert Battery.objects.get().rows == 1


def test_a_token_that_sends_more_than_its_limit_is_closed_and_the_frame_is_not_stored(user_with_role):
    _, secret = bearer(user_with_role("operator"))
    Token.objects.update(rows_per_second=10)
    rows = msgpack.packb([{"test_time": float(n), "voltage": 3.7} for n in range(1000)])

    async def converse():
        socket = socket_at(UPLOAD, authorization=secret, **HOST)
        assert (await answer_to(socket))["type"] == "websocket.accept"
        await socket.send_input({"type": "websocket.receive", "bytes": rows})
        return await until_closed(socket)

    code, reason = async_to_sync(converse)()
    never = "A frame of 1,000 rows is never taken: send at most 400."
    assert (code, reason) == (4429, f"Your limit is 10 rows a second, and more have come. {never} Retry in 60 s.")
    assert not Battery.objects.exists()


def test_who_goes_while_being_let_in_leaves_no_socket_behind(user_with_role, monkeypatch):
    _, secret = bearer(user_with_role("operator"))
    let_in, go_on = threading.Event(), threading.Event()
    admit = UploadSocket._admit

    def slowly(socket, expelled):
        let_in.set()
        assert go_on.wait(20)
        return admit(socket, expelled)

    monkeypatch.setattr(UploadSocket, "_admit", slowly)

    async def converse():
        async def receive():
            return {"type": "websocket.connect"}

        scope = socket_at(UPLOAD, authorization=secret, **HOST).scope | {"url_route": {"kwargs": {"name": "cell"}}}
        task = asyncio.ensure_future(UploadSocket(scope, receive, receive).serve())
        await asyncio.to_thread(let_in.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        end = time.monotonic() + 20
        while len(left) < 1 and time.monotonic() < end:
            await asyncio.sleep(0.01)

    left = []
    leave = doorkeeper.doorkeeper.leave
    monkeypatch.setattr(doorkeeper.doorkeeper, "leave", lambda guest: (leave(guest), left.append(guest)))
    async_to_sync(converse)()
    assert len(left) == 1
    assert not doorkeeper.doorkeeper._guests


def test_one_socket_more_than_the_limit_is_refused_with_429_and_when_to_come_back(user_with_role):
    _, secret = bearer(user_with_role("operator"))
    Token.objects.update(connections=1)

    async def converse():
        first, second = (socket_at(UPLOAD, authorization=secret, **HOST) for _ in range(2))
        answers = [await answer_to(first), await answer_to(second)]
        await second.wait(timeout=240)
        await first.send_input({"type": "websocket.disconnect", "code": 1000})
        await first.wait(timeout=240)
        third = socket_at(UPLOAD, authorization=secret, **HOST)
        answers.append(await answer_to(third))
        await third.send_input({"type": "websocket.disconnect", "code": 1000})
        await third.wait(timeout=240)
        return answers

    first, second, third = async_to_sync(converse)()
    assert [first["type"], third["type"]] == ["websocket.accept"] * 2
    assert (second["status"], dict(second["headers"])[b"retry-after"]) == (429, b"10")


def test_the_sixth_wrong_password_of_a_socket_is_not_looked_at(user_with_role):
    user = user_with_role("operator")

    async def knock(n):
        socket = socket_at(UPLOAD, authorization=basic(user, f"guess {n}"), **HOST)
        answer = await answer_to(socket)
        await socket.wait(timeout=240)
        return answer["status"], int(dict(answer["headers"]).get(b"retry-after", 0))

    answers = [async_to_sync(knock)(n) for n in range(12)]
    assert answers[:5] == [(401, 0)] * 5
    assert {status for status, _ in answers[5:]} <= {429, 401}
    assert (429, 1) in answers[5:7]
