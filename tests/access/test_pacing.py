"""Rows a second of one token: a burst, then the pace, then a refusal."""

import pytest
from django.contrib.auth.models import User

from access import pacing
from access.models import Token
from access.pacing import Pace, TooManyRows, most_sockets, pace_of


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

    monkeypatch.setattr(pacing.time, "monotonic", lambda: Clock.now)
    return Clock


def test_ten_seconds_may_come_at_once_and_the_next_rows_at_the_pace(clock):
    pace = Pace(rate=100)
    assert pace.take(1000) == 0.0
    assert pace.take(50) == 0.5
    assert pace.take(50) == 1.0
    clock.now += 1.0
    assert pace.take(100) == 1.0


def test_what_would_have_to_wait_for_more_than_half_a_minute_is_not_taken(clock):
    pace = Pace(rate=100)
    with pytest.raises(TooManyRows) as refused:
        pace.take(4001)
    assert (refused.value.status, refused.value.retry_after) == (429, 1)
    assert refused.value.message.endswith("A frame of 4,001 rows is never taken: send at most 4,000.")
    assert pace.take(4000) == 30.0  # the refused frame took nothing


def test_a_request_is_taken_whole_and_the_next_one_waits(clock):
    pace = Pace(rate=100)
    pace.refuse_if_owing()
    pace.charge(6000)
    with pytest.raises(TooManyRows) as refused:
        pace.refuse_if_owing()
    assert refused.value.retry_after == 50
    clock.now += 50.0
    pace.refuse_if_owing()


@pytest.mark.parametrize(
    ("own", "usual", "rate"), [(None, 0, None), (None, 50, 50), (7, 50, 7), (0, 50, None), (7, 0, 7)]
)
def test_a_token_has_its_own_limits_or_the_settings(db, settings, own, usual, rate):
    settings.TOKEN_ROWS_PER_SECOND = settings.TOKEN_CONNECTIONS = usual
    user = User.objects.create_user("ada")
    token, _ = Token.objects.create(user, name="bms", rows_per_second=own, connections=own)
    pace = pace_of(user, token)
    assert (pace.rate if pace else None) == rate
    assert most_sockets(token) == (rate or 0)


def test_sockets_and_requests_of_one_token_share_a_pace_and_other_tokens_do_not(db, settings):
    settings.TOKEN_ROWS_PER_SECOND = 10
    user = User.objects.create_user("ada")
    one, other = (Token.objects.create(user, name=name)[0] for name in ("one", "other"))
    assert pace_of(user, one) is pace_of(user, one)
    assert len({id(pace_of(user, token)) for token in (one, other, None)}) == 3
