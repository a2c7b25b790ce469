"""What every answer carries: on each address of the map, and with the settings of production."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rovi_site.middleware import PERMISSIONS, POLICY
from tests.migrated import put_migrated
from tests.rovi_site.routes import all_routes, ask, told
from tests.servers import environment

PROJECT = Path(__file__).resolve().parent.parent.parent
EVERYWHERE = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": PERMISSIONS,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
OTHERS = (
    "/nowhere",
    "/api/v1/nowhere",
    "/static/css/tokens.css",
    "/static/icons/favicon.svg",
    "/static/nowhere",
    "/login",
)


def missing_from(answer):
    return {name: answer.headers.get(name) for name, value in EVERYWHERE.items() if answer.headers.get(name) != value}


def test_the_policy_lets_nothing_inline_run_and_nothing_from_elsewhere_in():
    directives = dict(part.split(" ", 1) for part in POLICY.split("; "))
    assert "unsafe" not in POLICY
    assert directives["default-src"] == "'none'"
    assert (directives["script-src"], directives["style-src"]) == ("'self'", "'self'")
    assert (directives["frame-ancestors"], directives["base-uri"], directives["form-action"]) == (
        "'none'", "'none'", "'self'",
    )  # fmt: skip
    assert not re.search(r"https?:|\*", POLICY)


@pytest.mark.parametrize("caller", [None, "administrator"])
def test_every_answer_of_every_address_carries_the_headers(caller, furnished, session):
    client = session(caller)
    paths = [route.path(furnished.values_for(route)) for route in all_routes()]
    wrong = []
    for path in dict.fromkeys([*paths, *OTHERS]):
        for method in ("GET", "POST"):
            answer = ask(client, method, path)
            if missing := missing_from(answer):
                wrong.append((told(method, path, caller, answer), missing))
    assert wrong == []


def test_the_page_of_a_failure_carries_them_too(settings, session, monkeypatch):
    from rovi_site import health

    def fail():
        raise RuntimeError

    monkeypatch.setattr(health, "migrations_are_applied", fail)
    client = session(None)
    client.raise_request_exception = False
    client.handler.raise_request_exception = False
    answer = client.get("/healthz/ready")
    assert (answer.status_code, missing_from(answer)) == (500, {})


PRODUCTION = """
import django, json
django.setup()
from django.test import Client
told = {}
for scheme in ("http", "https"):
    client = Client(headers={"host": "rovi.example.org", "x-forwarded-proto": scheme})
    for path in ("/login", "/nowhere", "/healthz/live", "/static/css/tokens.css", "/api/v1/batteries/"):
        answer = client.get(path)
        cookies = {name: [bool(cookie["secure"]), bool(cookie["httponly"]), cookie["samesite"]]
                   for name, cookie in answer.cookies.items()}
        told[f"{scheme} {path}"] = [answer.status_code, dict(answer.headers), cookies]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def in_production(tmp_path_factory):
    """The variables of a service behind HTTPS, as docs/settings.md asks for them."""
    data = tmp_path_factory.mktemp("production")
    put_migrated(data)
    return {
        **environment(data, 8000),
        "HOST": "0.0.0.0",
        "ROVI_HTTPS": "on",
        "ROVI_ALLOWED_HOSTS": "rovi.example.org",
        "ROVI_TRUSTED_ORIGINS": "https://rovi.example.org",
        "ROVI_SANDBOX_WALLS": "rlimits",
        "DJANGO_SETTINGS_MODULE": "rovi_site.settings",
    }


def test_in_production_all_is_https_and_browsers_are_told_to_stay_there(in_production):
    ran = subprocess.run(
        [sys.executable, "-c", PRODUCTION], cwd=PROJECT, env={**os.environ, **in_production}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    answers = json.loads(ran.stdout.splitlines()[-1])
    for question, (status, headers, _cookies) in answers.items():
        scheme, path = question.split()
        if scheme == "http" and path != "/healthz/live":
            assert (status, headers["Location"]) == (301, f"https://rovi.example.org{path}")
        if scheme == "https":
            assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
            assert status == {"/nowhere": 404, "/api/v1/batteries/": 401}.get(path, 200)
            assert headers["Content-Security-Policy"] == POLICY
    assert answers["https /login"][2] == {"csrftoken": [True, False, "Lax"]}  # the API's page reads it


def test_django_s_own_check_of_a_deployment_finds_nothing(in_production):
    ran = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=PROJECT, env={**os.environ, **in_production}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout.strip()) == (0, "System check identified no issues (0 silenced).")
