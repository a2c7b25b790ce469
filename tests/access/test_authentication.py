"""Who is calling is found out the same way for REST and sockets, and a wrong answer opens nothing."""

import base64

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User

from access import authentication
from access.authentication import NotAdmitted, caller_of_socket, check_password
from access.models import Token
from access.permissions import why_upload_is_refused
from access.roles import Role, role_of

HERE = "192.0.2.1"
pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def nothing_remembered():
    authentication._remembered.clear()


@pytest.fixture
def ada():
    user = User.objects.create_user("ada", password="correct horse battery")
    user.groups.add(Group.objects.get_or_create(name="operator")[0])
    return user


def scope(user=None, **headers):
    return {
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "user": user or AnonymousUser(),
    }


def basic(username, password):
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def test_a_right_password_is_hashed_once_and_then_remembered(ada, monkeypatch):
    calls = []
    real = authentication.authenticate
    monkeypatch.setattr(authentication, "authenticate", lambda *a, **k: calls.append(1) or real(*a, **k))
    assert check_password("ada", "correct horse battery", HERE) == ada
    assert check_password("ada", "correct horse battery", HERE) == ada
    assert len(calls) == 1


def test_a_remembered_password_dies_with_a_change_of_password(ada):
    assert check_password("ada", "correct horse battery", HERE) == ada
    ada.set_password("another long secret")
    ada.save()
    assert check_password("ada", "correct horse battery", HERE) is None
    assert check_password("ada", "another long secret", HERE) == ada


def test_a_remembered_password_dies_with_the_account(ada):
    assert check_password("ada", "correct horse battery", HERE) == ada
    User.objects.update(is_active=False)
    assert check_password("ada", "correct horse battery", HERE) is None


def test_user_and_password_cannot_be_shifted_into_each_other(ada):
    """'ada' + 'correct…' and 'adac' + 'orrect…' are the same characters; only one is a login."""
    assert check_password("ada", "correct horse battery", HERE) == ada
    assert check_password("adac", "orrect horse battery", HERE) is None


def test_a_socket_takes_basic_bearer_and_a_cookie_of_our_own_origin(ada):
    _, secret = Token.objects.create(user=ada, name="logger")
    assert caller_of_socket(scope(authorization=basic("ada", "correct horse battery"))).user == ada
    assert caller_of_socket(scope(authorization=f"Bearer {secret}")).user == ada
    assert caller_of_socket(scope(ada, host="rovi.test:8000", origin="http://rovi.test:8000")).user == ada


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": basic("ada", "wrong")}, 401),
        ({"authorization": "Basic %%%"}, 401),
        ({"authorization": basic("a\0da", "correct horse battery")}, 401),
        ({"authorization": "Bearer deadbeef"}, 401),
        ({"authorization": "Digest x"}, 401),
    ],
)
def test_a_socket_without_good_credentials_is_not_admitted(ada, headers, status):
    with pytest.raises(NotAdmitted) as refused:
        caller_of_socket(scope(**headers))
    assert refused.value.status == status


@pytest.mark.parametrize("origin", ["http://evil.test", "http://rovi.test:9000", "null", None])
def test_a_cookie_sent_by_another_origins_page_is_not_admitted(ada, origin):
    headers = {"host": "rovi.test:8000"} | ({"origin": origin} if origin else {})
    with pytest.raises(NotAdmitted) as refused:
        caller_of_socket(scope(ada, **headers))
    assert refused.value.status == 403


def test_a_trusted_origin_is_admitted(ada, settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://dash.test"]
    assert caller_of_socket(scope(ada, host="rovi.test", origin="https://dash.test")).user == ada


def test_an_expired_token_is_not_admitted(ada):
    from datetime import timedelta

    _, secret = Token.objects.create(user=ada, name="old", expiry=timedelta(seconds=-1))
    with pytest.raises(NotAdmitted):
        caller_of_socket(scope(authorization=f"Bearer {secret}"))


def test_only_the_hash_of_a_token_is_stored(ada):
    token, secret = Token.objects.create(user=ada, name="logger")
    stored = " ".join(str(value) for value in Token.objects.filter(pk=token.pk).values_list()[0])
    assert secret not in stored
    assert secret.startswith(token.token_key)


def test_a_device_token_uploads_to_its_battery_and_to_no_other(ada):
    token, _ = Token.objects.create(user=ada, name="bms", battery_name="cell 1")
    assert why_upload_is_refused(ada, token, "cell 1") == ""
    assert why_upload_is_refused(ada, token, "cell 2") == "This device token may upload to 'cell 1' only."


def test_a_device_token_dies_with_its_owners_role(ada):
    token, _ = Token.objects.create(user=ada, name="bms", battery_name="cell 1")
    ada.groups.clear()
    assert why_upload_is_refused(User.objects.get(), token, "cell 1") != ""


@pytest.mark.parametrize(
    ("groups", "role"),
    [([], Role.NONE), (["viewer"], Role.VIEWER), (["viewer", "engineer"], Role.ENGINEER), (["other"], Role.NONE)],
)
def test_a_role_is_the_highest_group(groups, role):
    user = User.objects.create_user("bob")
    for name in groups:
        user.groups.add(Group.objects.get_or_create(name=name)[0])
    assert role_of(user) == role


def test_a_superuser_is_an_administrator_and_a_stopped_account_is_nothing():
    user = User.objects.create_superuser("root")
    assert role_of(user) == Role.ADMINISTRATOR
    user.is_active = False
    assert role_of(user) == Role.NONE


@pytest.mark.postgres
def test_a_user_name_with_a_nul_is_as_wrong_as_any(client):
    credentials = base64.b64encode(b"a\0b:words").decode()
    assert client.get("/db/stats", headers={"authorization": f"Basic {credentials}"}).status_code == 401


def test_a_password_in_use_does_not_stand_in_line_with_those_that_have_to_be_hashed(ada):
    """A hundred sockets with wrong passwords would keep it waiting for all their hashes."""
    right, wrong = (scope(authorization=basic("ada", password)) for password in ("correct horse battery", "wrong"))
    assert authentication.threads_for(right) is authentication.threads_for(wrong) is not None
    caller_of_socket(right)
    assert authentication.threads_for(right) is None
    assert authentication.threads_for(wrong) is not None
    assert authentication.threads_for(scope(authorization="Bearer deadbeef")) is None
    assert authentication.threads_for(scope()) is None
