"""The core, which does no input and output of its own: each call is a generator of what is to be asked.

A face sends what a call yields and hands it the answer, waits where it says so, and returns what it returns. So the
rules (addresses, pages, keys, when to ask again) stand here once, for the client that waits and the one that awaits.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rovi_client.errors import Refused, Unreachable, refusal

API = "/api/v1"
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
ASKED_AGAIN = (429, 502, 503, 504)
SAFE = ("GET", "HEAD", "PUT", "DELETE")


@dataclass(frozen=True)
class Ask:
    """A request. `file` is (name, content) of a form's field `file`; `to_file` writes the answer there."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    file: tuple[str, Any] | None = None
    to_file: str = ""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Failure:
    """No answer came: the connection could not be made, or broke."""

    why: str


@dataclass(frozen=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


T = TypeVar("T")
Call = Generator[Ask | Pause, Answer | Failure | None, T]


@dataclass
class Patience:
    """How long a call goes on trying, in s, and how long it pauses between tries: ever longer, never in step."""

    seconds: float = 60.0
    spent: float = 0.0
    tries: int = 0

    def next_pause(self, told: float | None = None) -> float | None:
        """None where patience is at an end."""
        longest = min(FIRST_PAUSE * 2**self.tries, LONGEST_PAUSE)
        pause = told if told is not None else random.uniform(longest / 2, longest)  # noqa: S311  (no secret)
        self.tries += 1
        self.spent += pause
        return pause if self.spent <= self.seconds else None


def asked(ask: Ask, patience_seconds: float) -> Call[Answer]:
    """The answer, when it is a good one. Asks again where that does no harm: reads, and what carries a key.

    Raises Refused and Unreachable.
    """
    if ask.method == "POST" and "Idempotency-Key" not in ask.headers:
        ask = Ask(**{**ask.__dict__, "headers": {**ask.headers, "Idempotency-Key": str(uuid.uuid4())}})
    patience = Patience(patience_seconds)
    while True:
        answer = yield ask
        assert answer is not None
        if isinstance(answer, Answer) and answer.status < 400:
            return answer
        error: Refused | Unreachable
        wait: float | None = None
        if isinstance(answer, Answer):
            error = refusal(answer.status, answer.headers, answer.body)
            wait = error.retry_after
            may_change = answer.status in ASKED_AGAIN or error.code == "request_under_way"
        else:
            error, may_change = Unreachable(answer.why), True
        if not may_change or not (ask.method in SAFE or "Idempotency-Key" in ask.headers):
            raise error
        pause = patience.next_pause(wait)
        if pause is None:
            raise error
        yield Pause(pause)


def get(path: str, patience: float, **params: Any) -> Call[Any]:
    known = {name: value for name, value in params.items() if value is not None}
    return (yield from asked(Ask("GET", path, known), patience)).json()


def all_pages(path: str, patience: float, **params: Any) -> Call[list[dict[str, Any]]]:
    """All records of a list, page after page."""
    found: list[dict[str, Any]] = []
    page = 1
    while True:
        told = yield from get(path, patience, page=page, page_size=1000, **params)
        found += told["results"]
        if told["next"] is None:
            return found
        page += 1


def all_after(path: str, patience: float, limit: int | None = None, **params: Any) -> Call[list[dict[str, Any]]]:
    """All records behind a cursor, or the first `limit`."""
    found: list[dict[str, Any]] = []
    after = None
    while limit is None or len(found) < limit:
        most = 20_000 if limit is None else min(limit - len(found), 20_000)
        told = yield from get(path, patience, after=after, limit=most, **params)
        found += told["results"]
        after = told["next_after"]
        if after is None:
            break
    return found
