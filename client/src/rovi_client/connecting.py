"""Where the service is, and how this client shows who it is."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from rovi_client.asking import Answer, Ask, Failure

AGENT = "rovi-client/0.1.0"
SILENCE_SECONDS = 30.0  # events come with a heartbeat every 10 s


@dataclass(frozen=True)
class Service:
    """`url` without credentials; `authorization` is a header's value, or empty."""

    url: str
    authorization: str

    @property
    def is_here(self) -> bool:
        """On this machine, where no proxy leads."""
        return urlsplit(self.url).hostname in ("127.0.0.1", "::1", "localhost")

    @property
    def headers(self) -> dict[str, str]:
        known = {"User-Agent": AGENT, "Accept": "application/json"}
        return known | ({"Authorization": self.authorization} if self.authorization else {})

    @property
    def socket_headers(self) -> dict[str, str]:
        return {"Authorization": self.authorization} if self.authorization else {}


def service_at(url: str, token: str, user: str, password: str) -> Service:
    """Credentials may stand in the address, as in http://user:password@host:8000; a token counts more."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    place = f"[{host}]" if ":" in host else host
    place += f":{parts.port}" if parts.port else ""
    plain = urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", ""))
    if not parts.scheme.startswith("http") or not host:
        raise ValueError(f"{url!r} is no address of a service; it begins with http:// or https://.")
    user, password = user or unquote(parts.username or ""), password or unquote(parts.password or "")
    if token:
        return Service(plain, f"Bearer {token}")
    if user:
        return Service(plain, f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}")
    return Service(plain, "")


def request_arguments(ask: Ask) -> dict[str, Any]:
    """Of httpx's `build_request`."""
    found: dict[str, Any] = {"method": ask.method, "url": ask.path, "headers": dict(ask.headers)}
    if ask.params:
        found["params"] = dict(ask.params)
    if ask.json is not None:
        found["json"] = ask.json
    if ask.content is not None:
        found["content"] = ask.content
    if ask.file is not None:
        ask.file[1].seek(0)  # it may be sent again
        found["files"] = {"file": ask.file}
        found["data"] = dict(ask.form or {})
    return found


def answer_of(response: httpx.Response, body: bytes) -> Answer:
    return Answer(response.status_code, response.headers, body)


def failure_of(error: httpx.TransportError, service: Service) -> Failure:
    return Failure(f"{service.url} does not answer: {error or type(error).__name__}.")
