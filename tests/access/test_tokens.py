"""Tokens over REST: made once, shown once, revoked."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from access.errors import Refused
from access.models import Token
from access.tokens import make_token

pytestmark = pytest.mark.django_db


def with_token(secret: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def test_a_token_is_told_once_and_opens_the_api(client_as):
    made = client_as("operator").post("/api/v1/tokens/", {"name": "logger"}, format="json")
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    secret = made.json()["token"]
    listed = with_token(secret).get("/api/v1/tokens/").json()["results"]
    assert [(token["name"], token["user"]) for token in listed] == [("logger", "the-operator")]
    assert "token" not in listed[0]
    assert secret not in str(Token.objects.values())


def test_a_revoked_token_opens_nothing(client_as):
    client = client_as("viewer")
    made = client.post("/api/v1/tokens/", {"name": "gone"}, format="json").json()
    assert client.delete(f"/api/v1/tokens/{made['id']}/").status_code == 204
    assert with_token(made["token"]).get("/api/v1/tokens/").status_code == 401


def test_others_tokens_are_seen_by_administrators_alone(client_as, user_with_role):
    token, _ = make_token(user=user_with_role("engineer"), name="theirs", made_by=user_with_role("administrator"))
    assert client_as("viewer").get(f"/api/v1/tokens/{token.token_key}/").status_code == 404
    assert client_as("operator").delete(f"/api/v1/tokens/{token.token_key}/").status_code == 404
    assert Token.objects.count() == 1


def test_a_token_for_someone_else_takes_an_administrator(client_as, user_with_role):
    user_with_role("viewer")
    refused = client_as("engineer").post("/api/v1/tokens/", {"name": "x", "user": "the-viewer"}, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "token_refused")
    made = client_as("administrator").post("/api/v1/tokens/", {"name": "x", "user": "the-viewer"}, format="json")
    assert (made.json()["user"], made.json()["created_by"]) == ("the-viewer", "the-administrator")


def test_a_device_token_reads_nothing_and_makes_no_token(user_with_role):
    operator = user_with_role("operator")
    _, secret = make_token(user=operator, name="device", battery_name="cell 1", made_by=operator)
    device = with_token(secret)
    assert device.get("/api/v1/tokens/").status_code == 403
    assert device.post("/api/v1/tokens/", {"name": "more"}, format="json").status_code == 403
    assert Token.objects.count() == 1


def test_a_device_token_of_an_account_that_may_not_send_is_refused(user_with_role):
    viewer = user_with_role("viewer")
    with pytest.raises(Refused) as refused:
        make_token(user=viewer, name="device", battery_name="cell 1", made_by=viewer)
    assert list(refused.value.fields) == ["battery_name"]


def test_a_token_that_expired_already_is_refused(user_with_role):
    viewer = user_with_role("viewer")
    with pytest.raises(Refused) as refused:
        make_token(user=viewer, name="old", expiry=timezone.now() - timedelta(seconds=1), made_by=viewer)
    assert list(refused.value.fields) == ["expiry"]


def test_an_expiry_is_kept_to_the_second(user_with_role):
    viewer, until = user_with_role("viewer"), timezone.now() + timedelta(days=30)
    token, _ = make_token(user=viewer, name="month", expiry=until, made_by=viewer)
    assert abs((token.expiry - until).total_seconds()) < 1
