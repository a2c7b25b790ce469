"""Who may open which socket, through the whole application: cookies, headers, origins, routes."""

import base64
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.test import Client
from django.utils import timezone

import datahub.routing
import rovi_site.routing
from access.models import Token
from rovi_site.asgi import application

UPLOAD = "/db/upload/module 7/α"
UPDATES = "/ws/updates/"
LEAST_ROLE = {UPLOAD: "operator", UPDATES: "viewer"}
ROLES = ("viewer", "operator", "engineer", "administrator")
OURS = {"host": "rovi.example", "origin": "http://rovi.example"}

pytestmark = pytest.mark.django_db(transaction=True)


async def opened(path, headers):
    """What a handshake is answered: "open", or the HTTP status of the refusal."""
    scope = {
        "type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"", "subprotocols": [],
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "extensions": {"websocket.http.response": {}},
    }  # fmt: skip
    socket = ApplicationCommunicator(application, scope)
    await socket.send_input({"type": "websocket.connect"})
    answer = await socket.receive_output(timeout=240)
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(timeout=240)
    if answer["type"] == "websocket.accept":
        return "open"
    return answer.get("status", 403)  # a plain close before it is open is answered 403 by every server


def knock(path, **headers):
    return async_to_sync(opened)(path, {"host": "rovi.example", **headers})


def basic(user, password="correct horse battery"):
    return "Basic " + base64.b64encode(f"{user.username}:{password}".encode()).decode()


def cookie(user):
    client = Client()
    client.force_login(user)
    return "sessionid=" + client.cookies["sessionid"].value


def bearer(user, battery_name="", expires_in=None):
    token, secret = Token.objects.create(user, expiry=None, name="a test's", battery_name=battery_name)
    if expires_in is not None:
        Token.objects.filter(pk=token.pk).update(expiry=timezone.now() + expires_in)
    return token, f"Bearer {secret}"


def test_each_socket_has_a_decision_who_may_open_it():
    patterns = [*datahub.routing.websocket_urlpatterns, *rovi_site.routing.websocket_urlpatterns]
    known = {pattern for pattern in patterns for path in LEAST_ROLE if pattern.pattern.match(path.lstrip("/"))}
    assert [str(pattern.pattern) for pattern in patterns if pattern not in known] == []


@pytest.mark.parametrize("path", LEAST_ROLE)
def test_a_stranger_opens_none(path):
    assert knock(path) in (401, 403)
    assert knock(path, origin="http://rovi.example") in (401, 403)


@pytest.mark.parametrize("path", LEAST_ROLE)
@pytest.mark.parametrize("role", ["nobody", *ROLES])
def test_a_role_opens_what_the_table_says(path, role, user_with_role):
    user = user_with_role(role)
    may = role in ROLES and ROLES.index(role) >= ROLES.index(LEAST_ROLE[path])
    by_password = knock(path, authorization=basic(user))
    by_token = knock(path, authorization=bearer(user)[1])
    by_cookie = knock(path, cookie=cookie(user), origin="http://rovi.example")
    assert (by_password, by_token, by_cookie) == (("open",) * 3 if may else (403,) * 3)


@pytest.mark.parametrize("path", LEAST_ROLE)
@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://rovi.example.evil.example"])
def test_a_cookie_that_another_page_sends_along_opens_nothing(path, origin, user_with_role):
    headers = {} if origin is None else {"origin": origin}
    assert knock(path, cookie=cookie(user_with_role("administrator")), **headers) == 403


@pytest.mark.parametrize("path", LEAST_ROLE)
def test_a_password_that_a_browser_sends_for_another_page_opens_nothing(path, user_with_role):
    password = basic(user_with_role("administrator"))
    answers = [knock(path, authorization=password, origin=origin) for origin in ("http://rovi.example", "https://evil")]
    assert answers == ["open", 403]


@pytest.mark.parametrize("path", LEAST_ROLE)
def test_an_expired_and_a_revoked_token_open_nothing(path, user_with_role):
    owner = user_with_role("administrator")
    expired = bearer(owner, expires_in=timedelta(seconds=-1))[1]
    token, revoked = bearer(owner)
    token.delete()
    refusal = 401 if path == UPLOAD else 403
    assert [knock(path, authorization=text) for text in (expired, revoked)] == [refusal, refusal]


def test_a_device_token_opens_the_upload_of_its_battery_and_no_other_socket(user_with_role):
    owner = user_with_role("administrator")
    own, other = bearer(owner, "module 7/α")[1], bearer(owner, "module 7")[1]
    assert [knock(UPLOAD, authorization=text) for text in (own, other)] == ["open", 403]
    assert [knock(UPDATES, authorization=text) for text in (own, other)] == [403, 403]


@pytest.mark.parametrize("text", ["Basic", "Basic ÿþ", "Basic !!!!", "Bearer", "Bearer ÿ", "Digest x", "x"])
@pytest.mark.parametrize("path", LEAST_ROLE)
def test_credentials_that_cannot_be_read_are_refused(path, text):
    assert knock(path, authorization=text) in (401, 403)


def test_a_wrong_password_opens_nothing_even_with_a_good_cookie(user_with_role):
    user = user_with_role("administrator")
    headers = {"cookie": cookie(user), "origin": "http://rovi.example"}
    assert knock(UPLOAD, authorization=basic(user, "wrong"), **headers) == 401


@pytest.mark.parametrize("path", ["/", "/ws/other/", "/db/upload/", "/db/uploads/x", "/api/v1/batteries/"])
def test_no_other_socket_is_there(path, user_with_role):
    assert knock(path, authorization=basic(user_with_role("administrator"))) == 404
