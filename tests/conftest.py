"""What tests share: real files where they are, callers of each role, a quick password hash."""

from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from rest_framework.test import APIClient

SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


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
