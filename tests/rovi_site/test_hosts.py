import socket

import pytest

from rovi_site import hosts


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.10"])
def test_a_server_of_this_machine_alone_answers_to_loopback_names(host):
    assert hosts.answered_to(host, ()) == ["127.0.0.1", "localhost", "[::1]"]


def test_a_server_on_one_address_answers_to_it_too():
    assert hosts.answered_to("10.1.2.3", ()) == ["127.0.0.1", "localhost", "[::1]", "10.1.2.3"]
    assert hosts.answered_to("fd00::5", ())[-1] == "[fd00::5]"


def test_a_server_on_all_addresses_answers_to_the_name_of_the_machine():
    names = hosts.answered_to("0.0.0.0", ())

    assert names[:4] == ["127.0.0.1", "localhost", "[::1]", socket.gethostname().lower()]
    assert "*" not in names


def test_names_that_were_given_are_the_only_ones_beside_the_loopback():
    assert hosts.answered_to("0.0.0.0", ("rovi.example.org",)) == [*hosts.LOOPBACK, "rovi.example.org"]


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("10.1.2.3", "10.1.2.3")])
def test_the_address_to_open_is_one_that_a_browser_takes(host, shown):
    assert hosts.reachable(host) == shown
