"""The examples of a deployment name what is there: variables, commands and files."""

import re

import pytest
import yaml

from rovi_site import env
from tests.servers import PROJECT

COMPOSE = yaml.safe_load((PROJECT / "compose.yaml").read_text())
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


def test_the_proxy_of_compose_is_trusted_to_tell_who_calls():
    """Else all callers were the proxy, and a stranger's wrong passwords would make everybody wait."""
    subnet = COMPOSE["networks"]["default"]["ipam"]["config"][0]["subnet"]

    assert COMPOSE["services"]["web"]["environment"]["ROVI_TRUSTED_PROXIES"] == subnet
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in (PROJECT / "deploy/nginx.conf").read_text()


def test_files_that_the_examples_mount_are_there():
    mounted = [volume.split(":")[0] for volume in COMPOSE["services"]["proxy"]["volumes"]]
    assert [path for path in mounted if not (PROJECT / path).exists()] == []
