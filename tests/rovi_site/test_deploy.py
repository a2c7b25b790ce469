"""The examples of a deployment name what is there: variables, commands and files."""

import re
import subprocess

import pytest
import yaml

from rovi_site import env
from tests.servers import PROJECT

COMPOSE = yaml.safe_load((PROJECT / "compose.yaml").read_text())
GUIDE = (PROJECT / "docs/how-to/scale-out.md").read_text()
OF_OTHERS = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONUNBUFFERED", "PIP_NO_CACHE_DIR"}


def names_in(file: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, (PROJECT / file).read_text(), re.MULTILINE))


@pytest.mark.parametrize("service", ["prepare", "web", "worker"])
def test_the_variables_of_compose_are_settings(service):
    assert COMPOSE["services"][service]["environment"].keys() <= env.VARIABLES.keys()


def test_the_variables_of_the_other_examples_are_settings():
    in_file = names_in("deploy/rovi.env.example", r"^(\w+)=")
    assert in_file
    assert in_file <= env.VARIABLES.keys()
    for unit in ("deploy/systemd/rovi-web@.service", "deploy/systemd/rovi-worker@.service"):
        assert names_in(unit, r"\b([A-Z]+(?:_[A-Z]+)+|PORT)=") <= env.VARIABLES.keys() | OF_OTHERS
    assert names_in("Dockerfile", r"\b([A-Z]+(?:_[A-Z]+)+|HOST)=") <= env.VARIABLES.keys() | OF_OTHERS


def test_compose_starts_as_many_web_servers_and_workers_as_the_guide_says_after_the_database_is_prepared():
    services = COMPOSE["services"]
    assert {name: services[name]["deploy"]["replicas"] for name in ("web", "worker")} == {"web": 2, "worker": 2}
    for name in ("web", "worker"):
        assert services[name]["depends_on"]["prepare"] == {"condition": "service_completed_successfully"}
    assert services["prepare"]["command"] == ["python", "manage.py", "prepare"]
    assert (PROJECT / "rovi_site/management/commands/prepare.py").exists()


def test_the_secrets_that_compose_asks_for_are_those_that_the_guide_writes_down_and_nobody_commits(tmp_path):
    asked = names_in("compose.yaml", r"\$\{(\w+):\?")
    (line,) = [line for line in GUIDE.splitlines() if line.endswith("> .env)")]
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True)
    written = dict(each.split("=") for each in (tmp_path / ".env").read_text().splitlines())
    assert written.keys() == asked
    assert {len(secret) for secret in written.values()} == {48}
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert "/.env" in (PROJECT / ".gitignore").read_text().splitlines()
    assert ".env" in (PROJECT / ".dockerignore").read_text().splitlines()


@pytest.mark.parametrize("kind", ["prepare", "web@", "worker@"])
def test_a_unit_has_what_the_guide_makes_before(kind):
    unit = (PROJECT / f"deploy/systemd/rovi-{kind}.service").read_text()
    told = dict(line.split("=", 1) for line in unit.splitlines() if re.match(r"[A-Z]\w+=", line))
    assert f"useradd --system --home-dir /srv/rovi --shell /usr/sbin/nologin {told['User']}\n" in GUIDE
    assert f"cp -R . {told['WorkingDirectory']}\n" in GUIDE
    assert f"python3 -m venv --clear {told['WorkingDirectory']}/.venv\n" in GUIDE
    assert f"install -m 600 deploy/rovi.env.example {told['EnvironmentFile']}\n" in GUIDE
    assert told["ExecStart"].startswith(f"{told['WorkingDirectory']}/.venv/bin/")
    needed = {"prepare": None}.get(kind, "rovi-prepare.service")
    assert told.get("Requires") == needed
    assert needed is None or needed in told["After"].split()
    assert "install -d -o rovi -g rovi -m 700 /srv/rovi\n" in GUIDE
    assert "ROVI_DATA=/srv/rovi\n" in (PROJECT / "deploy/rovi.env.example").read_text()


def test_the_proxy_of_compose_is_trusted_to_tell_who_calls():
    """Else all callers were the proxy, and a stranger's wrong passwords would make everybody wait."""
    subnet = COMPOSE["networks"]["default"]["ipam"]["config"][0]["subnet"]

    assert COMPOSE["services"]["web"]["environment"]["ROVI_TRUSTED_PROXIES"] == subnet
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in (PROJECT / "deploy/nginx.conf").read_text()


def test_files_that_the_examples_mount_are_there():
    mounted = [volume.split(":")[0] for volume in COMPOSE["services"]["proxy"]["volumes"]]
    assert [path for path in mounted if not (PROJECT / path).exists()] == []
