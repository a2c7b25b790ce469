"""A worker that freezes once, at a named place of its work, as if by SIGSTOP at an unlucky moment.

python -m tests.twin.freezing "before the commit"
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

BEFORE, AMID, COPYING = "before the commit", "amid the commit", "amid a copy"


def main(place: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "rovi_site.settings"
    import psycopg
    from django.core.management import execute_from_command_line

    import twin.estimation.commit as commit
    import twin.estimation.fleet as fleet

    if place == COPYING:
        psycopg.Copy.finish = frozen_before(psycopg.Copy.finish)  # the server waits for the rest of the estimates
    elif place == BEFORE:
        fleet.FleetFilter.advance = frozen_after(fleet.FleetFilter.advance)
    else:
        commit._moved_on = frozen_after(commit._moved_on)  # called in the transaction, after the estimates are inserted
    execute_from_command_line(["manage.py", "run_worker"])


def frozen_after(function: Callable[..., Any]) -> Callable[..., Any]:
    freeze = freezing_once()

    def does(*arguments: Any) -> Any:
        found = function(*arguments)
        freeze()
        return found

    return does


def frozen_before(function: Callable[..., Any]) -> Callable[..., Any]:
    freeze = freezing_once()

    def does(*arguments: Any) -> Any:
        freeze()
        return function(*arguments)

    return does


def freezing_once() -> Callable[[], None]:
    first = threading.Semaphore(1)

    def freeze() -> None:
        if first.acquire(blocking=False):
            os.kill(os.getpid(), signal.SIGSTOP)

    return freeze


if __name__ == "__main__":
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "rovi_site.settings"
    django.setup()
    main(sys.argv[1])
