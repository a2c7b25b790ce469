"""A web process boots without the libraries of science: they cost seconds and memory that no page needs at once."""

import subprocess
import sys

BOOT = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "rovi_site.settings"
import rovi_site.asgi, rovi_site.urls
heavy = ("numpy", "pandas", "scipy", "sklearn", "plotly", "pyarrow", "tables", "battdat")
print([name for name in heavy if name in sys.modules])
"""


def test_a_web_process_boots_without_science(tmp_path, monkeypatch):
    monkeypatch.setenv("ROVI_DATA", str(tmp_path))
    booted = subprocess.run([sys.executable, "-c", BOOT], capture_output=True, text=True, check=True)
    assert booted.stdout.strip() == "[]"


SETTLED = """
import gc, os
os.environ["DJANGO_SETTINGS_MODULE"] = "rovi_site.settings"
import rovi_site.asgi
from rovi_site.serving.web import settle
loaded = len(gc.get_objects())
settle()
print(gc.get_freeze_count() >= loaded, len(gc.get_objects()) < loaded / 100)
"""


def test_what_a_web_process_has_loaded_is_walked_over_no_more(tmp_path, monkeypatch):
    monkeypatch.setenv("ROVI_DATA", str(tmp_path))
    settled = subprocess.run([sys.executable, "-c", SETTLED], capture_output=True, text=True, check=True)
    assert settled.stdout.split() == ["True", "True"]


WITHOUT = """
import django
django.setup()
from django.core.checks import run_checks
from django.urls import resolve, Resolver404
import rovi_site.asgi, rovi_site.urls
assert run_checks() == [], run_checks()
try:
    resolve("/fleet/data")
except Resolver404:
    print("booted")
"""


def test_the_rest_boots_without_a_side_room(tmp_path, monkeypatch):
    monkeypatch.setenv("ROVI_DATA", str(tmp_path))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.without_fleet")
    booted = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert (booted.stdout.strip(), booted.returncode) == ("booted", 0), booted.stderr
