"""People and tokens in the admin."""

import re

import pytest
from django.contrib.auth.models import Group, User
from rest_framework.test import APIClient

from access.models import Token
from access.roles import Role, role_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_as(client, user_with_role):
    def make(role: str):
        client.force_login(user_with_role(role))
        return client

    return make


def person(**changes: str) -> dict[str, str]:
    password = "long enough 4 all"
    return {
        "username": "ada", "usable_password": "true", "password1": password, "password2": password, "role": "engineer",
    } | changes  # fmt: skip


def test_a_person_made_with_a_role_has_it_and_may_enter_the_admin(admin_as, client):
    admin_as("administrator").post("/admin/auth/user/add/", person())
    ada = User.objects.get(username="ada")
    assert (role_of(ada), ada.is_staff, ada.is_superuser) == (Role.ENGINEER, True, False)
    client.force_login(ada)
    assert client.get("/admin/").status_code == 200


def test_a_new_role_takes_the_place_of_the_old(admin_as):
    client = admin_as("administrator")
    client.post("/admin/auth/user/add/", person())
    ada = User.objects.get(username="ada")
    client.post(f"/admin/auth/user/{ada.pk}/change/", {"username": "ada", "role": "viewer", "is_active": "on"})
    ada = User.objects.get(username="ada")
    assert [group.name for group in ada.groups.all()] == ["viewer"]
    client.post(f"/admin/auth/user/{ada.pk}/change/", {"username": "ada", "role": "", "is_active": "on"})
    ada = User.objects.get(username="ada")
    assert (role_of(ada), ada.is_staff) == (Role.NONE, False)


def test_an_administrator_by_role_cannot_change_a_superuser(client, user_with_role):
    superuser = user_with_role("administrator")
    by_role = User.objects.create_user("by-role", password="correct horse battery")
    by_role.groups.add(Group.objects.get(name="administrator"))
    client.force_login(by_role)
    assert client.post(f"/admin/auth/user/{superuser.pk}/change/", {"username": "mine"}).status_code == 403
    assert client.get(f"/admin/auth/user/{superuser.pk}/password/").status_code == 403
    assert client.get("/admin/auth/user/add/").status_code == 200


@pytest.mark.parametrize("role", ["viewer", "operator", "engineer"])
def test_people_are_managed_by_administrators_alone(admin_as, role):
    assert admin_as(role).get("/admin/auth/user/").status_code == 403


def test_an_account_without_a_role_is_told_so_and_kept_out(admin_as):
    client = admin_as("nobody")
    answer = client.get("/admin/login/")
    assert answer.status_code == 403
    assert "no role yet" in answer.content.decode()


def test_a_stranger_is_sent_to_the_one_login(client):
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/login?next=")


def test_a_token_is_shown_once_and_works(admin_as):
    client = admin_as("operator")
    answer = client.post("/admin/access/token/add/", {"name": "logger", "battery_name": ""})
    assert answer["Cache-Control"].startswith("no-store")
    secret = re.search(r'id="token"[^>]*value="([0-9a-f]{64})"', answer.content.decode())[1]
    caller = APIClient()
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert caller.get("/api/v1/tokens/").json()["count"] == 1
    token = Token.objects.get()
    assert secret not in client.get(f"/admin/access/token/{token.pk}/change/").content.decode()


def test_a_device_token_for_a_viewer_is_refused_beside_the_field(admin_as):
    answer = admin_as("viewer").post("/admin/access/token/add/", {"name": "device", "battery_name": "cell 1"})
    assert list(answer.context["adminform"].form.errors) == ["battery_name"]
    assert not Token.objects.exists()


def test_the_index_follows_the_work(admin_as):
    index = admin_as("administrator").get("/admin/").content.decode()
    captions = re.findall(r'class="section"[^>]*>([^<]+)<', index)
    rooms = ["Data hub", "Fleet energy", "Digital twin", "Prognosis", "Jobs and workers", "People and tokens"]
    assert captions == rooms
