"""`python -m faults [pytest's arguments]`: every fault, on SQLite and PostgreSQL, one after the other.

Without arguments the long versions of the generated tests follow: frames, bodies, requests and addresses by the ten
thousand.
"""

import subprocess
import sys


def run(*arguments: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, check=False).returncode


def main(arguments: list[str]) -> int:
    of_faults = run("faults", *arguments)
    of_any_input = 0 if arguments else run("-m", "long", "tests")  # also after a fault has failed: they share nothing
    return of_faults or of_any_input


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
