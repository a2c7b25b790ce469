"""A site with something in it, in a data folder of the test's own, and callers of each kind."""

import pytest
from django.template.base import Template
from django.test import Client
from django.test.client import ClientHandler
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from access.models import Token
from tests.rovi_site.furnished import furnish


@pytest.fixture
def own_data_folder(settings, tmp_path):
    settings.ROVI_DATA = tmp_path
    settings.MEDIA_ROOT = tmp_path / "uploads"


@pytest.fixture
def furnished(db, own_data_folder):
    return furnish()


@pytest.fixture
def unrendered(monkeypatch):
    """For who asks for statuses of all pages: templates and the schema are empty, as they cost more than the rest."""
    monkeypatch.setattr(Template, "_render", lambda template, context: "")
    monkeypatch.setattr(SchemaGenerator, "get_schema", lambda *_, **__: {})


@pytest.fixture(scope="module")
def handler():
    """One for all clients: each would look through all static files for itself."""
    return ClientHandler(enforce_csrf_checks=False)


@pytest.fixture
def session(user_with_role, handler):
    """`session("viewer")`: a browser that is logged in; None is one that is not."""

    def log_in(role):
        client = Client()
        client.handler = handler
        if role is not None:
            client.force_login(user_with_role(role))
        return client

    return log_in


@pytest.fixture
def with_token(user_with_role, handler):
    """`with_token(battery_name=…)`: a program of an administrator's, whose role forbids it nothing."""
    owner = user_with_role("administrator")

    def make(battery_name="", expires_in=None):
        token, secret = Token.objects.create(owner, expiry=None, name="a test's", battery_name=battery_name)
        if expires_in is not None:
            Token.objects.filter(pk=token.pk).update(expiry=timezone.now() + expires_in)
        client = Client(headers={"authorization": f"Bearer {secret}"})
        client.handler = handler
        return token, client

    return make
