"""A running service as its clients see it: address, credentials, plain requests. No Django here."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, unquote, urlsplit

SECONDS_TO_ANSWER = 60.0
FIRST_SERVER_ERROR = 500
HERE = ("127.0.0.1", "localhost", "::1")
PLAIN = {"http": "http", "ws": "http", "https": "https", "wss": "https"}


class ServiceError(Exception):
    """The service could not be asked, or would not do what it was asked; the text is a sentence for people."""


class Unreachable(ServiceError):
    """Nobody answers: it may help to try again."""


class RefusedByService(ServiceError):
    """It answered, and said no."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(f"{sentence} (HTTP {status})")
        self.status = status

    @property
    def is_final(self) -> bool:
        """False where the same request may go through a little later."""
        return self.status < FIRST_SERVER_ERROR and self.status not in (408, 429)


@dataclass(frozen=True)
class Service:
    """`address` is scheme, host and port; `authorization` the header's value, or empty."""

    address: str
    authorization: str = ""

    @classmethod
    def at(cls, url: str, *, token: str = "", user: str = "", password: str = "") -> Service:
        """From http, https, ws or wss with credentials in the URL or beside it; raises ValueError with a sentence."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in PLAIN or not parts.hostname:
            raise ValueError(f"{url!r} is no address of a service; one looks like http://127.0.0.1:8000.")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = f":{parts.port}" if parts.port else ""
        user = user or unquote(parts.username or "")
        password = password or unquote(parts.password or "")
        authorization = ""
        if token:
            authorization = f"Bearer {token}"
        elif user:
            authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return cls(f"{PLAIN[parts.scheme]}://{host}{port}", authorization)

    @property
    def is_here(self) -> bool:
        """On this machine, where no proxy stands between."""
        return urlsplit(self.address).hostname in HERE

    def socket_url(self, battery_name: str) -> str:
        """Where rows of a battery go, with acknowledgements."""
        return f"ws{self.address.removeprefix('http')}/db/upload/{quote(battery_name, safe='')}?ack=1"

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def post(self, path: str, document: Any) -> Any:
        return self.ask("POST", path, document)

    def patch(self, path: str, document: Any) -> Any:
        return self.ask("PATCH", path, document)

    def battery_named(self, name: str) -> dict[str, Any]:
        """As REST describes it; raises ServiceError."""
        found: list[dict[str, Any]] = self.get(f"/api/v1/batteries/?name={quote(name, safe='')}")["results"]
        if not found:
            raise ServiceError(f"There is no battery {name!r}.")
        return found[0]

    def ask(self, method: str, path: str, document: Any = None) -> Any:
        """The answer's JSON. Blocks; raises Unreachable or RefusedByService."""
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(self.address + path, data=body, method=method)  # noqa: S310  (http, see `at`)
        request.add_header("Content-Type", "application/json")
        if self.is_here:  # behind the proxy, whose word a service with ROVI_HTTPS=on waits for
            request.add_header("X-Forwarded-Proto", "https")
        if self.authorization:
            request.add_header("Authorization", self.authorization)
        try:
            with _opener(self.is_here).open(request, timeout=SECONDS_TO_ANSWER) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            with refused:
                raise RefusedByService(refused.code, sentence_of(refused.read())) from None
        except (urllib.error.URLError, OSError, ValueError) as error:
            why = getattr(error, "reason", error)
            raise Unreachable(f"{self.address} does not answer: {why}.") from None


@cache
def _opener(is_here: bool) -> urllib.request.OpenerDirector:
    """Made once: it reads the certificates of this machine, which takes 20 ms."""
    return urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if is_here else []))


def sentence_of(body: bytes) -> str:
    """What an answer says of its refusal, in any of the shapes it may have."""
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if isinstance(said, dict):
        error = said.get("error")
        if isinstance(error, dict):
            return str(error.get("message", error))
        if "detail" in said:
            return str(said["detail"])
    return "The service refuses. It takes an account with the role operator, or that battery's own device token."
