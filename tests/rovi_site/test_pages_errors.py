"""Pages for what went wrong."""

import pytest
from django.core.exceptions import SuspiciousOperation
from django.test import Client

from rovi_site.pages import errors

pytestmark = pytest.mark.django_db


def test_an_address_that_leads_nowhere_says_so_without_listing_what_there_is(client):
    answer = client.get("/no/such/page")
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "Nothing is at /no/such/page." in page
    assert "urlconf" not in page.lower()


def test_a_bad_request_keeps_its_sentence(rf):
    request = rf.get("/x")
    answer = errors.bad_request(request, SuspiciousOperation("The host name is not one of ours."))
    assert (answer.status_code, "The host name is not one of ours." in answer.content.decode()) == (400, True)


def test_a_server_error_asks_nothing_of_the_database(rf, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = errors.server_error(rf.get("/"))
    assert answer.status_code == 500
    assert "The server failed at this page" in answer.content.decode()


def test_a_server_error_under_the_api_is_json(rf):
    assert b'"code": "server_error"' in errors.server_error(rf.get("/api/v1/batteries/")).content


def test_a_form_without_its_secret_is_told_to_be_reloaded():
    answer = Client(enforce_csrf_checks=True).post("/login", {"username": "a", "password": "b"})
    assert answer.status_code == 403
    assert "Reload the page that it stands on" in answer.content.decode()


def test_login_refuses_a_wrong_password_in_one_sentence_and_takes_a_right_one(client, user_with_role):
    user_with_role("viewer")
    refused = client.post("/login", {"username": "the-viewer", "password": "wrong"})
    assert "User name or password is wrong, or the account is switched off." in refused.content.decode()
    taken = client.post(
        "/login?next=/status", {"username": "the-viewer", "password": "correct horse battery", "next": "/status"}
    )
    assert (taken.status_code, taken["Location"]) == (302, "/status")


def test_login_never_leads_to_another_site(client, user_with_role):
    user_with_role("viewer")
    form = {"username": "the-viewer", "password": "correct horse battery", "next": "https://elsewhere.example/"}
    assert client.post("/login", form)["Location"] == "/"


def test_pages_take_http_basic(client, user_with_role):
    from base64 import b64encode

    user_with_role("viewer")
    credentials = b64encode(b"the-viewer:correct horse battery").decode()
    assert client.get("/", HTTP_AUTHORIZATION=f"Basic {credentials}").status_code == 200
    assert client.get("/", HTTP_AUTHORIZATION="Basic !!!").status_code == 401
