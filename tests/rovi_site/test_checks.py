import pytest
from django.core.checks import run_checks

import sandbox
from rovi_site import checks
from sandbox import Walls


def ids(found):
    return [each.id for each in found]


def test_nothing_is_found_on_a_machine_in_order(settings, tmp_path, monkeypatch):
    settings.ROVI_DATA = tmp_path
    tmp_path.chmod(0o700)
    monkeypatch.setattr(sandbox, "probe_walls", lambda: Walls(landlock_abi=4, seccomp=True, rlimits=True))

    assert run_checks(tags=["rovi"]) == []


def test_a_missing_wall_is_told_with_what_it_means(settings, monkeypatch):
    settings.SANDBOX_REQUIRED_WALLS = ("landlock", "seccomp")
    monkeypatch.setattr(sandbox, "probe_walls", lambda: Walls(seccomp=True))

    (found,) = checks.walls_stand()

    assert found.id == "rovi.W001"
    assert found.msg.startswith("Uploaded scripts are refused on this machine. Landlock is missing")
    assert "seccomp" not in found.msg


def test_data_that_others_can_read_are_told_with_the_command_that_mends_it(settings, tmp_path):
    settings.ROVI_DATA = tmp_path
    tmp_path.chmod(0o755)
    (tmp_path / "secret_key").touch(0o600)
    (tmp_path / "admin_password").touch(0o640)

    assert [found.hint for found in checks.data_are_private()] == [
        f"chmod 700 {tmp_path}",
        f"chmod 600 {tmp_path / 'admin_password'}",
    ]


@pytest.mark.parametrize(
    ("host", "https", "found"),
    [("127.0.0.1", False, []), ("0.0.0.0", True, []), ("0.0.0.0", False, ["rovi.W003"]), ("::1", False, [])],
)
def test_passwords_in_the_open_are_told(settings, host, https, found):
    settings.HOST, settings.HTTPS = host, https

    assert ids(checks.passwords_travel_safely()) == found


@pytest.mark.parametrize(("host", "found"), [("127.0.0.1", []), ("10.0.0.5", ["rovi.E001"])])
def test_debug_pages_for_others_are_an_error(settings, host, found):
    settings.HOST, settings.DEBUG = host, True

    assert ids(checks.debug_pages_stay_at_home()) == found


@pytest.mark.parametrize(("token", "found"), [("", []), ("x" * 32, []), ("secret", ["rovi.E002"])])
def test_a_token_for_metrics_that_could_be_guessed_is_an_error(settings, token, found):
    settings.METRICS_TOKEN = token

    assert ids(checks.metrics_token_is_no_word()) == found


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
@pytest.mark.parametrize(
    ("database", "found"),
    [("/mnt/share/rovi.sqlite3", ["rovi.W004"]), ("/mnt/shared/rovi.sqlite3", []), ("/srv/rovi.sqlite3", [])],
)
def test_sqlite_on_a_network_disk_is_told(settings, monkeypatch, database, found):
    settings.DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}}
    monkeypatch.setattr(checks, "mounts", lambda: [("/", "ext4"), ("/mnt/share", "nfs4")])

    assert ids(checks.database_lies_on_a_local_disk()) == found


def test_mounts_are_read_from_the_system():
    assert "/" in dict(checks.mounts())
