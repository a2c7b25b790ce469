"""Wrong credentials at each door: after five of them the next has to wait, and is told for how long."""

import base64

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from access import tries
from access.models import LoginTries, Token
from access.tries import Rule
from datahub.models import Battery


@pytest.fixture(autouse=True)
def long_pauses(monkeypatch):
    """So that a slow machine does not sit the first pause out."""
    monkeypatch.setitem(tries.RULES, tries.PAIR, LongPause(5, 300.0))


class LongPause(Rule):
    def pause_after(self, tried):
        return 0.0 if tried < self.free else self.longest


def basic(username, password):
    return {"authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def is_told(answer):
    return answer.status_code == 429 and 290 <= int(answer["Retry-After"]) <= 300


def test_the_login_page_says_how_long_to_wait(user_with_role, handler):
    user_with_role("viewer")
    client = Client()
    client.handler = handler
    wrong = {"username": "the-viewer", "password": "wrong"}
    assert [client.post("/login", wrong).status_code for _ in range(5)] == [200] * 5
    answer = client.post("/login", {**wrong, "password": "correct horse battery"})
    assert is_told(answer)
    assert "Too many wrong tries to log in. The next is heard in 300 s." in answer.content.decode()
    assert "sessionid" not in client.cookies
    assert client.get("/login").status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/batteries/", "/db/stats", "/", "/api/docs/"])
def test_basic_credentials_wait_at_rest_seed_paths_and_pages(path, user_with_role, handler):
    user_with_role("viewer")
    client = Client(headers=basic("the-viewer", "wrong"))
    client.handler = handler
    assert [client.get(path).status_code for _ in range(5)] == [401] * 5
    answer = client.get(path)
    assert is_told(answer)
    if path.startswith("/api/v1"):
        error = answer.json()["error"]
        assert (error["code"], error["message"][:36]) == ("login_paused", "Too many wrong tries to log in. The ")


def test_wrong_tokens_wait_and_good_ones_do_not(with_token, handler):
    _, good = with_token()
    wrong = Client(headers={"authorization": "Bearer " + "0" * 64})
    wrong.handler = handler
    assert [wrong.get("/db/stats").status_code for _ in range(5)] == [401] * 5
    assert is_told(wrong.get("/db/stats"))
    assert good.get("/db/stats").status_code == 200
    assert LoginTries.objects.get(kind="pair").account == "token "  # of no token there is


def test_who_is_logged_in_goes_on_while_his_account_is_tried(user_with_role, session, handler):
    client = session("viewer")
    stranger = Client(headers=basic("the-viewer", "wrong"))
    stranger.handler = handler
    assert [stranger.get("/db/stats").status_code for _ in range(7)] == [401] * 5 + [429] * 2
    assert client.get("/").status_code == 200


def test_a_post_above_the_tokens_limit_is_told_when_to_come_back(with_token):
    _, client = with_token()
    Token.objects.update(rows_per_second=10)
    rows = [{"test_time": float(n), "voltage": 3.7} for n in range(1000)]
    first = client.post("/db/upload/cell", rows, content_type="application/json")
    second = client.post("/db/upload/cell", rows[:1], content_type="application/json")
    assert (first.status_code, second.status_code) == (200, 429)
    assert 80 <= int(second["Retry-After"]) <= 90
    by_id = f"/api/v1/batteries/{Battery.objects.get().pk}/rows/"
    assert client.post(by_id, rows[:1], content_type="application/json").status_code == 429


def test_a_post_is_charged_for_what_it_held_whatever_became_of_it(with_token):
    """As a frame is: it has been read and judged, which is the work that a limit is for."""
    _, client = with_token()
    Token.objects.update(rows_per_second=10)
    rows = [{"test_time": float(n), "voltage": [3.7]} for n in range(200)]
    first = client.post("/db/upload/cell", rows, content_type="application/json")
    second = client.post("/db/upload/cell", rows[:1], content_type="application/json")
    assert (first.status_code, second.status_code) == (422, 429)
    assert 5 <= int(second["Retry-After"]) <= 10


def test_an_import_is_not_charged(with_token):
    """A worker reads it at its own speed, after all that devices send."""
    _, client = with_token()
    Token.objects.update(rows_per_second=1)
    file = SimpleUploadedFile("cell.csv", b"test_time,voltage\n" + b"".join(b"%d,3.7\n" % n for n in range(500)))
    imported = client.post("/api/v1/imports/", {"file": file, "battery": ""})
    row = [{"test_time": 0.0, "voltage": 3.7}]
    assert imported.status_code in (201, 202), imported.content
    assert client.post("/db/upload/cell", row, content_type="application/json").status_code == 200


@pytest.mark.parametrize("role", ["viewer", "operator", "engineer"])
def test_nobody_but_an_administrator_sets_the_limits_of_a_token(role, session):
    client = session(role)
    for limit in ("rows_per_second", "connections"):
        answer = client.post("/api/v1/tokens/", {"name": "mine", limit: 0}, content_type="application/json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "token_refused")
    made = client.post("/api/v1/tokens/", {"name": "mine"}, content_type="application/json")
    assert (made.status_code, made.json()["rows_per_second"]) == (201, None)
