"""How often scripts of this process came to a bad end, and by what. It is told to whoever watches the service."""

from __future__ import annotations

import threading
from collections import Counter

from sandbox.errors import BadAnswer, ScriptError, ScriptKilled, ScriptTimedOut, TooMuchOutput

KINDS: dict[type[ScriptError], str] = {
    ScriptTimedOut: "timed_out",
    ScriptKilled: "killed",
    BadAnswer: "bad_answer",
    TooMuchOutput: "too_much_output",
}

_ends: Counter[str] = Counter()
_lock = threading.Lock()


def note(error: ScriptError) -> None:
    with _lock:
        _ends[KINDS[type(error)]] += 1


def script_ends() -> dict[str, int]:
    """By kind, since the process began."""
    with _lock:
        return {kind: _ends[kind] for kind in KINDS.values()}
