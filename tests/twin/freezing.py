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

BEFORE, AMID = "before the commit", "amid the commit"


def main(place: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "rovi_site.settings"
    from django.core.management import execute_from_command_line

    import twin.estimation.commit as commit
    import twin.estimation.fleet as fleet

    if place == BEFORE:
        fleet.FleetFilter.advance = frozen_after(fleet.FleetFilter.advance)
    else:
        commit._moved_on = frozen_after(commit._moved_on)  # called in the transaction, after the estimates are inserted
    execute_from_command_line(["manage.py", "run_worker"])


def frozen_after(function: Callable[..., Any]) -> Callable[..., Any]:
    first = threading.Semaphore(1)

    def does(*arguments: Any) -> Any:
        found = function(*arguments)
        if first.acquire(blocking=False):
            os.kill(os.getpid(), signal.SIGSTOP)
        return found

    return does


if __name__ == "__main__":
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "rovi_site.settings"
    django.setup()
    main(sys.argv[1])
