import os
import signal
import sys
import time

import pytest

from rovi_site.serving.child import Child, ending, keep_old_logs


@pytest.fixture
def child(tmp_path):
    """`child(code)`: a process that runs that Python."""
    made = []

    def make(code, **options):
        made.append(Child("probe", [sys.executable, "-c", code], tmp_path, dict(os.environ), **options))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.stop(0)


def until_something_happens(child):
    end = time.monotonic() + 240
    while time.monotonic() < end:
        if news := child.look():
            return news
        time.sleep(0.01)
    raise AssertionError("nothing happened")


def test_one_that_fails_is_started_again_after_pauses_that_double(child, monkeypatch):
    monkeypatch.setattr("rovi_site.serving.child.FIRST_PAUSE_SECONDS", 0.01)
    probe = child("raise SystemExit(3)")

    pauses = []
    for _ in range(3):
        pauses.append(probe.pause)
        assert "ended with status 3; starting it again" in until_something_happens(probe)

    assert pauses == [0.01, 0.02, 0.04]
    assert probe.failures == 3


def test_one_that_was_refused_for_good_is_not_started_again(child):
    probe = child("import sys; print('The password is wrong. (HTTP 401)', flush=True); sys.exit(77)", is_endless=False)

    news = until_something_happens(probe)

    assert news == "The probe has ended and is not started again: The password is wrong. (HTTP 401)"
    time.sleep(0.05)
    assert probe.look() is None
    assert probe.failures == 0


def test_no_pause_is_longer_than_half_a_minute(child):
    probe = child("")
    probe.failures = 20

    assert "starting it again in 30 s" in until_something_happens(probe)


def test_one_that_may_end_is_not_started_again(child):
    probe = child("", is_endless=False)

    assert until_something_happens(probe) == "The probe has ended."
    assert probe.look() is None
    assert probe.failures == 0


def test_one_that_does_not_listen_is_killed_when_its_time_is_up(child):
    probe = child("import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)")
    while "up" not in probe.last_words():
        time.sleep(0.01)

    began = time.monotonic()
    assert probe.stop(0.2) is False
    assert time.monotonic() - began < 10


def test_one_that_ends_in_time_is_not_killed(child):
    probe = child("import time; print('up', flush=True); time.sleep(60)")
    while "up" not in probe.last_words():
        time.sleep(0.01)

    assert probe.stop(10) is True


def test_what_it_says_is_kept_and_its_last_words_are_known(child):
    probe = child("import sys; print(1); print(2); sys.exit('three')")
    until_something_happens(probe)

    assert probe.last_words(2) == "2\nthree"


def test_the_logs_of_three_starts_are_kept(tmp_path):
    log = tmp_path / "web.log"
    for number in range(6):
        keep_old_logs(log)
        log.write_text(str(number))

    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "web.log": "5", "web.log.1": "4", "web.log.2": "3", "web.log.3": "2",
    }  # fmt: skip


def test_an_ending_is_told_in_words():
    assert ending(-signal.SIGKILL) == "was ended by SIGKILL"
    assert ending(2) == "ended with status 2"
