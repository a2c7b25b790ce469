"""From where somebody calls: a proxy of ours is believed, and nobody else."""

import ipaddress

import pytest
from django.test import RequestFactory

from access.addresses import address_of, address_of_socket, whose_tries

OURS = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))


@pytest.mark.parametrize(
    ("nearest", "forwarded", "caller"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),  # no proxy of ours: what it says of others is its own word
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # the first was written by the client
        ("127.0.0.1", "198.51.100.1, 10.0.0.7", "198.51.100.1"),  # two proxies of ours
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "6.6.6.6, nonsense", "127.0.0.1"),
        ("::ffff:127.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.5", "", "203.0.113.5"),
        ("", "198.51.100.1", "198.51.100.1"),  # a proxy on a socket of the file system
    ],
)
def test_the_caller_is_the_last_that_is_no_proxy_of_ours(settings, nearest, forwarded, caller):
    settings.TRUSTED_PROXIES = OURS
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    scope = {"client": (nearest, 1) if nearest else None, "headers": [(b"x-forwarded-for", forwarded.encode())]}
    assert address_of(RequestFactory().get("/", REMOTE_ADDR=nearest, **headers)) == caller
    assert address_of_socket(scope) == caller


def test_without_proxies_of_ours_nobody_is_believed(settings):
    settings.TRUSTED_PROXIES = ()
    request = RequestFactory().get("/", REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.1")
    assert address_of(request) == "127.0.0.1"


def test_a_whole_network_of_ipv6_counts_as_one_caller():
    assert whose_tries("2001:db8:1:2::7") == whose_tries("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert whose_tries("203.0.113.5") == "203.0.113.5"
