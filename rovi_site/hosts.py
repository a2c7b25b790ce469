"""Under which names the service may be called: the loopback's, and those of the address it listens on."""

from __future__ import annotations

import ipaddress
import socket

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
ANY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104  (names what is compared, binds nothing)
UNROUTED = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # documentation addresses, RFC 5737 and 3849


def answered_to(host: str, named: tuple[str, ...]) -> list[str]:
    """Django's ALLOWED_HOSTS: the loopback's, for this machine's own tools, and those that are `named`.

    Where none is named, whoever can reach `host` may use its name.
    """
    if named:
        return [*LOOPBACK, *named]
    if is_loopback(host):
        return list(LOOPBACK)
    if host in ANY_ADDRESS:
        return [*LOOPBACK, *_names_of_this_machine()]
    return [*LOOPBACK, in_url(host)]


def own_proxies(https: bool) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Behind HTTPS something speaks it for us, most often on this machine; without, nobody's word is taken."""
    return (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128")) if https else ()


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def reachable(host: str) -> str:
    """What to put into an address of this machine's own browser for a server that listens on `host`."""
    return "127.0.0.1" if host in ANY_ADDRESS else in_url(host)


def _names_of_this_machine() -> list[str]:
    names = [socket.gethostname().lower()]
    for family, elsewhere in UNROUTED.items():
        # Connecting a UDP socket sends nothing; it only makes the system choose the address it would send from.
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                names.append(in_url(probe.getsockname()[0]))
        except OSError:
            continue  # no route of that family
    return names
