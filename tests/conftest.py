"""What tests share: real files and services where they are, callers of each role, a quick password hash."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import hypothesis
import pytest
from django.contrib.auth.models import Group, User
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from pytest_django.plugin import blocking_manager_key
from rest_framework.test import APIClient

from tests import migrated, services

# That a machine is busy is no finding about an example.
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")

SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix, django_db_blocker):
    """The tests' database begins as a copy of a migrated one, in which `migrate` finds nothing to do."""
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            connection.settings_dict["TEST"]["TEMPLATE"] = migrated.template_on(services.postgres_url())
            yield
            return
        # A database in memory is there as long as anybody has it open.
        with closing(sqlite3.connect(connection.creation._get_test_db_name(), uri=True)) as held:
            migrated.fill_migrated(held)
            yield


@pytest.fixture(scope="session")
def shared_data():
    """`shared_data(name)`: the path of a real battery file, or a skip where the files are not beside the project."""

    def path_of(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"the real battery file {name} is not in ../shared/data")
        return path

    return path_of


@pytest.fixture(autouse=True)
def quick_password_hash(settings):
    """The real hash takes a third of a second by design, once for every user a test makes."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def user_with_role(db):
    """`user_with_role("operator")`: an account of that role; "nobody" has none, "administrator" is a superuser."""

    def make(role: str) -> User:
        user = User.objects.create_user(f"the-{role}", password="correct horse battery")
        if role == "administrator":
            user.is_staff = user.is_superuser = True
            user.save()
        elif role != "nobody":
            user.groups.add(Group.objects.get_or_create(name=role)[0])
        return user

    return make


@pytest.fixture
def client_as(user_with_role):
    """`client_as("viewer")`: a REST client logged in as an account of that role; `client_as(None)` is a stranger."""

    def make(role: str | None) -> APIClient:
        client = APIClient()
        if role is not None:
            client.force_authenticate(user_with_role(role))
        return client

    return make


@pytest.fixture
def on_postgresql():
    """For a test of what only PostgreSQL does; mark it `postgres` too, so that the second pass selects it."""
    if connection.vendor != "postgresql":
        pytest.skip("about PostgreSQL; `make test` runs it in its second pass where a server answers")


@pytest.fixture(scope="session")
def redis_url():
    if not services.redis_answers():
        pytest.skip(f"no Redis answers at {services.redis_url()} (set ROVI_TEST_REDIS)")
    return services.redis_url()


@pytest.fixture(scope="session")
def browser_path():
    """Where Chromium is; drive it with playwright's `executable_path` and `--no-sandbox`."""
    path = services.browser_path()
    if path is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    return path


def pytest_collection_modifyitems(config, items):
    """Files with slow tests begin: all would wait for one at the end. Long versions run where `-m` names them."""
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("browser")}
    items.sort(key=lambda item: item.path not in slow)
    if "long" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("long")]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """In CI a browser test that was skipped is a failure: pages nobody looked at are not tested pages."""
    report = yield
    if report.skipped and item.get_closest_marker("browser") and os.environ.get("ROVI_REQUIRE_BROWSER") == "1":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and ROVI_REQUIRE_BROWSER=1 wants it run: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Gives the roles back their groups after a test that empties all tables without Django's word to the apps.

    Not after the last test: its teardown has taken the test database away, and nobody is left to need them.
    """
    torn_down = yield
    marker = item.get_closest_marker("django_db")
    if nextitem is not None and marker is not None and marker.kwargs.get("available_apps"):
        with item.config.stash[blocking_manager_key].unblock():
            emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    return torn_down
