"""`python -m faults [pytest's arguments]`: every fault, on SQLite and PostgreSQL, one after the other."""

import sys

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "faults", *sys.argv[1:]]))
