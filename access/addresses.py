"""From which address somebody calls, also behind a proxy."""

from __future__ import annotations

import ipaddress
from typing import Any

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_of(request: HttpRequest | None) -> str:
    """Empty where nobody can tell, as on a socket of the file system without a proxy's word."""
    if request is None:
        return ""
    return _caller(request.META.get("REMOTE_ADDR") or "", request.META.get("HTTP_X_FORWARDED_FOR", ""))


def address_of_socket(scope: dict[str, Any]) -> str:
    forwarded = b",".join(value for name, value in scope["headers"] if name.lower() == b"x-forwarded-for")
    return _caller((scope.get("client") or ("",))[0] or "", forwarded.decode("latin-1"))


def whose_tries(address: str) -> str:
    """What tries to log in are counted under: an IPv6 caller has a whole /64 to call from."""
    found = _parsed(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((found, 64), strict=False))
    return address


def _caller(nearest: str, forwarded: str) -> str:
    """The last address of the chain that is no proxy of ours; a client may have written what stands before it."""
    chain = [part.strip() for part in forwarded.split(",") if part.strip()]
    while _is_trusted(nearest) and chain and (further := _parsed(chain.pop())) is not None:
        nearest = str(further)
    found = _parsed(nearest)
    return str(found) if found is not None else nearest[:45]


def _is_trusted(address: str) -> bool:
    if not address:  # a socket of the file system: whoever may open it is of this machine
        return bool(settings.TRUSTED_PROXIES)
    found = _parsed(address)
    return found is not None and any(found in network for network in settings.TRUSTED_PROXIES)


def _parsed(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
