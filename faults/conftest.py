"""What the long tests share: databases of their own, and the table that is printed at the end."""

from __future__ import annotations

import os
import random

import pytest

from tests import clusters

LINES = pytest.StashKey[list[str]]()
SEED = int(os.environ.get("ROVI_FAULT_SEED") or random.SystemRandom().randrange(10**6))


def pytest_configure(config):
    config.stash[LINES] = []


def pytest_report_header(config):
    return f"seed {SEED} (ROVI_FAULT_SEED={SEED} strikes in the same order again)"


def pytest_terminal_summary(terminalreporter, config):
    if config.stash[LINES]:
        terminalreporter.section("faults: tries and losses")
        for line in config.stash[LINES]:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def tell(pytestconfig):
    """`tell(line)` puts a line into the table at the end."""
    return pytestconfig.stash[LINES].append


@pytest.fixture(scope="session")
def seed():
    return SEED


@pytest.fixture(scope="session")
def own_cluster():
    """A PostgreSQL server that may be killed."""
    if why := clusters.why_none():
        pytest.skip(why)
    with clusters.Cluster() as cluster:
        yield cluster


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database(request):
    """A test that uses this runs on both."""
    if request.param == "PostgreSQL" and (why := clusters.why_none()):
        pytest.skip(why)
    return request.param


@pytest.fixture
def cluster(request, database):
    """None stands for SQLite."""
    return request.getfixturevalue("own_cluster") if database == "PostgreSQL" else None
