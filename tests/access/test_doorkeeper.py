"""Which open sockets have to end, and what it costs to find out."""

import asyncio
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from access.authentication import Caller, NotAdmitted
from access.doorkeeper import LOGGED_OUT, ROLE_LOST, Doorkeeper, Guest, those_to_expel
from access.models import Token
from access.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    user = User.objects.create_user("ada", password="correct horse battery")
    user.groups.add(Group.objects.get_or_create(name="engineer")[0])
    return user


def guest(caller, least=Role.OPERATOR):
    return Guest(caller, least, loop=asyncio.new_event_loop(), expel=lambda code, reason: None)


def session():
    store = SessionStore()
    store.create()
    return store


def reasons(*guests):
    found = dict(those_to_expel(list(guests)))
    return [found.get(each) for each in guests]


def fresh(user):
    return User.objects.get(pk=user.pk)


def test_who_may_stay_stays(ada):
    token, _ = Token.objects.create(ada, name="bms", expiry=timedelta(hours=1))
    for_ever, _ = Token.objects.create(ada, name="logger", expiry=None)
    by_cookie = Caller(ada, session_key=session().session_key)
    assert reasons(*map(guest, (Caller(ada), Caller(ada, token), Caller(ada, for_ever), by_cookie))) == [None] * 4


def test_a_revoked_token_ends_its_sockets_and_no_others(ada):
    (one, _), (other, _) = (Token.objects.create(ada, name=name) for name in ("one", "other"))
    guests = guest(Caller(ada, one)), guest(Caller(ada, other)), guest(Caller(ada))
    Token.objects.filter(name="one").delete()
    assert reasons(*guests) == [LOGGED_OUT, None, None]


def test_a_token_that_expires_ends_its_sockets(ada):
    token, _ = Token.objects.create(ada, name="one", expiry=timedelta(hours=1))
    mine = guest(Caller(ada, token))
    Token.objects.update(expiry=timezone.now())
    assert reasons(mine) == [LOGGED_OUT]


@pytest.mark.parametrize("how", ["logged out", "expired"])
def test_a_logout_ends_the_sockets_of_that_session_alone(ada, how):
    here, there = session(), session()
    guests = [guest(Caller(ada, session_key=each.session_key)) for each in (here, there)]
    if how == "logged out":
        here.flush()
    else:
        here.model.objects.filter(pk=here.session_key).update(expire_date=timezone.now())
    assert reasons(*guests) == [LOGGED_OUT, None]


def test_an_account_that_is_switched_off_or_deleted_ends_all_it_opened(ada):
    token, _ = Token.objects.create(ada, name="one")
    guests = guest(Caller(ada, token)), guest(Caller(ada, session_key=session().session_key)), guest(Caller(ada))
    User.objects.update(is_active=False)
    assert reasons(*guests) == [LOGGED_OUT] * 3
    pk = ada.pk
    ada.delete()
    ada.pk = pk
    assert reasons(*guests) == [LOGGED_OUT] * 3


def test_a_changed_password_ends_what_the_old_one_opened_and_no_token(ada):
    token, _ = Token.objects.create(ada, name="one")
    cookie = Caller(ada, session_key=session().session_key)
    guests = guest(Caller(ada)), guest(cookie), guest(Caller(ada, token))
    changed = fresh(ada)
    changed.set_password("another long secret")
    changed.save()
    assert reasons(*guests) == [LOGGED_OUT, LOGGED_OUT, None]


@pytest.mark.parametrize(("role", "may_watch", "may_send"), [("viewer", True, False), (None, False, False)])
def test_a_role_taken_away_ends_what_needs_it(ada, role, may_watch, may_send):
    watching, sending = guest(Caller(ada), Role.VIEWER), guest(Caller(ada), Role.OPERATOR)
    ada.groups.set([Group.objects.get_or_create(name=role)[0]] if role else [])
    expected = [None if may else ROLE_LOST for may in (may_watch, may_send)]
    assert reasons(watching, sending) == expected


def test_a_thousand_sockets_of_many_callers_are_looked_at_in_four_queries(ada, django_assert_num_queries):
    people = [User.objects.create_user(f"person {n}") for n in range(20)]
    tokens = [Token.objects.create(person, name="bms")[0] for person in people]
    sessions = [session().session_key for _ in people]
    callers = [Caller(person, token) for person, token in zip(people, tokens, strict=True)]
    callers += [Caller(person, session_key=key) for person, key in zip(people, sessions, strict=True)]
    guests = [guest(callers[n % len(callers)], Role.NONE) for n in range(1000)]
    with django_assert_num_queries(4):  # accounts, their groups, tokens, sessions
        assert list(those_to_expel(guests)) == []


def test_a_token_holds_as_many_sockets_as_its_limit_says(ada):
    token, _ = Token.objects.create(ada, name="one", connections=2)
    door = Doorkeeper()
    guests = [guest(Caller(ada, token)) for _ in range(3)]
    for each in guests[:2]:
        door.admit(each)
    with pytest.raises(NotAdmitted) as refused:
        door.admit(guests[2])
    assert (refused.value.status, refused.value.retry_after) == (429, 10)
    door.leave(guests[0])
    door.leave(guests[0])  # twice is once
    door.admit(guests[2])
    for each in guests:
        door.leave(each)
    assert not door._sockets
