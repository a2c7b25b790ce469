"""Wrong passwords: counted before the slow hash, answered with growing pauses, and no way to keep others out."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db import OperationalError
from django.utils import timezone

from access import authentication, tries
from access.authentication import check_password
from access.models import LoginTries
from access.tries import LoginPaused

pytestmark = pytest.mark.postgres
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.9"
RIGHT = "correct horse battery"


@pytest.fixture
def ada(db):
    authentication._remembered.clear()
    return User.objects.create_user("ada", password=RIGHT)


@pytest.fixture
def clock(monkeypatch):
    """Stands still until a test moves it."""

    class Clock:
        now = timezone.now()

        def forward(self, seconds):
            self.now += timedelta(seconds=seconds)

    clock = Clock()
    monkeypatch.setattr(tries.timezone, "now", lambda: clock.now)
    return clock


@pytest.fixture
def hashed(monkeypatch):
    """The passwords that were hashed."""
    found = []
    real = ModelBackend.authenticate

    def counted(self, request, username=None, password=None, **rest):
        found.append(password)
        return real(self, request, username, password, **rest)

    monkeypatch.setattr(ModelBackend, "authenticate", counted)
    return found


def outcomes(address, guesses, username="ada"):
    """What each guess is answered: the user, None, or the seconds to wait."""
    for guess in guesses:
        try:
            yield check_password(username, guess, address)
        except LoginPaused as paused:
            yield paused.retry_after


def test_of_two_hundred_wrong_passwords_at_one_moment_five_are_hashed(ada, clock, hashed):
    answers = list(outcomes(HERE, [f"guess {n}" for n in range(200)]))
    assert len(hashed) == 5
    assert answers == [None] * 5 + [1] * 195


def test_a_try_counts_before_it_is_judged(ada, clock, monkeypatch):
    """Tries that begin while others are hashed are counted too: here each begins within the one before."""
    deep = []

    def within(self, request, username=None, password=None, **rest):
        deep.append(password)
        tries.begin("ada", HERE) if len(deep) > 50 else self_again(len(deep))

    def self_again(depth):
        from access.backends import CountedPasswords

        CountedPasswords().authenticate(None, "ada", f"guess {depth}", address=HERE)

    monkeypatch.setattr(ModelBackend, "authenticate", within)
    monkeypatch.setattr(tries, "_places", threading.Semaphore(100))
    with pytest.raises(LoginPaused):
        self_again(0)
    assert len(deep) == 5


def test_pauses_double_up_to_five_minutes_and_are_over_after_an_hour_of_quiet(ada, clock, hashed):
    list(outcomes(HERE, ["wrong"] * 5))
    waits = []
    for _ in range(11):
        (wait,) = outcomes(HERE, ["wrong"])
        waits.append(wait)
        clock.forward(wait)
        assert list(outcomes(HERE, ["wrong"])) == [None]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    clock.forward(3601)
    assert list(outcomes(HERE, ["wrong"] * 5)) == [None] * 5


def test_while_it_pauses_the_right_password_is_not_looked_at_either(ada, clock, hashed):
    list(outcomes(HERE, ["wrong"] * 5))
    assert list(outcomes(HERE, [RIGHT])) == [1]
    assert RIGHT not in hashed
    clock.forward(1)
    assert list(outcomes(HERE, [RIGHT])) == [ada]


def test_the_right_password_ends_the_count(ada, clock):
    assert list(outcomes(HERE, ["wrong"] * 4 + [RIGHT])) == [None] * 4 + [ada]
    assert {each.kind: each.tries for each in LoginTries.objects.all()} == {"pair": 0, "address": 4, "account": 4}


def test_a_password_in_use_goes_on_while_wrong_ones_are_paused(ada, clock):
    check_password("ada", RIGHT, HERE)
    list(outcomes(HERE, ["wrong"] * 6))
    assert list(outcomes(HERE, [RIGHT])) == [ada]  # remembered: no try, no hash


def test_strangers_keep_nobody_out_where_he_is_known(ada, clock):
    check_password("ada", RIGHT, HERE)
    authentication._remembered.clear()
    for n in range(300):
        list(outcomes(f"203.0.113.{n % 250}", ["wrong"]))
    list(outcomes(HERE, ["wrong"] * 40, username="somebody else"))
    assert list(outcomes(HERE, [RIGHT])) == [ada]


def test_many_addresses_against_one_account_are_slowed_to_one_try_in_half_a_minute(ada, clock, hashed):
    answers = [next(outcomes(f"203.0.113.{n}", ["wrong"])) for n in range(100)]
    assert answers == [None] * 100
    assert [next(outcomes(f"203.0.114.{n}", ["wrong"])) for n in range(20)] == [1] * 20
    for _ in range(8):
        clock.forward(30)
        assert next(outcomes(ELSEWHERE, ["wrong"])) in (None, 1, 2, 4, 8, 16, 30)
    clock.forward(30)
    assert next(outcomes("198.51.100.77", [RIGHT])) == ada  # never out for ever


def test_one_address_against_many_accounts_is_slowed_too(ada, clock, hashed):
    answers = [next(outcomes(HERE, ["wrong"], username=f"account {n}")) for n in range(40)]
    assert answers == [None] * 30 + [1] * 10
    assert len(hashed) == 30
    assert next(outcomes(ELSEWHERE, [RIGHT])) == ada


def test_an_account_that_does_not_exist_is_answered_as_one_that_does(ada, clock):
    assert list(outcomes(HERE, ["wrong"] * 7, username="nobody")) == list(outcomes(ELSEWHERE, ["wrong"] * 7))


def test_of_many_who_bring_the_same_password_at_once_one_is_hashed(monkeypatch):
    monkeypatch.setattr(authentication, "_remembered_user", lambda digest: known.get(digest))
    monkeypatch.setattr(authentication, "_remember", lambda digest, user: known.update({digest: user}))
    known, calls, started = {}, [], threading.Barrier(20)

    def slow(*_, **__):
        calls.append(1)
        return "ada"

    monkeypatch.setattr(authentication, "authenticate", slow)
    found = []

    def come():
        started.wait(10)
        found.append(check_password("ada", RIGHT, HERE))

    threads = [threading.Thread(target=come) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (found, calls) == (["ada"] * 20, [1])


def test_more_hashes_than_places_wait_for_one_and_are_told_to_come_back(ada, monkeypatch):
    monkeypatch.setattr(tries, "_places", threading.Semaphore(0))
    monkeypatch.setattr(tries, "SECONDS_FOR_A_HASH", 0.01)
    assert list(outcomes(HERE, [RIGHT])) == [1]


def test_a_database_that_takes_no_writes_still_judges_passwords(ada, monkeypatch):
    def full(*_):
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(tries, "_count", full)
    assert list(outcomes(HERE, ["wrong", RIGHT])) == [None, ada]


def test_names_that_were_invented_are_forgotten_after_an_hour(ada, clock, monkeypatch):
    list(outcomes(HERE, ["wrong"], username="invented"))
    check_password("ada", RIGHT, HERE)
    clock.forward(3601)
    monkeypatch.setattr(tries, "_swept", 0.0)
    list(outcomes(ELSEWHERE, ["wrong"], username="another"))
    kept = LoginTries.objects.filter(address=HERE).values_list("kind", "account")
    assert list(kept) == [("pair", "ada")]  # from here she is known for 30 days
