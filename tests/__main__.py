"""`python -m tests [pytest's arguments]`: everything on SQLite, then what is marked `postgres` on PostgreSQL too."""

import os
import subprocess
import sys

from tests.services import postgres_answers, postgres_url

NOTHING_SELECTED = 5
MOST_PROCESSES = 16


def main(arguments: list[str]) -> int:
    print("== on SQLite ==", flush=True)
    on_sqlite = run(arguments, DATABASE_URL="")
    if not postgres_answers():
        print(f"== on PostgreSQL: skipped, no server answers at {postgres_url()} (set ROVI_TEST_POSTGRES) ==")
        return on_sqlite
    print("== on PostgreSQL ==", flush=True)
    on_postgres = run(["-m", "postgres", *arguments], DATABASE_URL=postgres_url())
    return on_sqlite or (0 if on_postgres == NOTHING_SELECTED else on_postgres)


def run(arguments: list[str], **variables: str) -> int:
    # A file's tests stay in one process, as they share servers. There are more processes than cores, as tests of
    # servers wait much. The order is that of tests/conftest.py: files with slow tests begin.
    processes = str(min(2 * (os.cpu_count() or 1), MOST_PROCESSES))
    command = [sys.executable, "-m", "pytest", "-q", "-n", processes, "--dist", "loadfile", "--no-loadscope-reorder"]
    command += arguments
    return subprocess.run(command, env={**os.environ, **variables}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
