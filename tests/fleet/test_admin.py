"""Assets in the admin: found, named, priced; their readings and quarters page by page; deleted with what they have."""

import pytest

from fleet.models import Asset, Quarter, Reading
from tests.fleet.cases import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def pages(client, user_with_role):
    """The admin as somebody of a role sees it."""
    from django.test import Client

    def as_role(role):
        browser = Client()
        browser.force_login(user_with_role(role))
        return browser

    return as_role


@pytest.fixture
def asset(post):
    data = rows(*[(f"{minute // 60:02}:{minute % 60:02}", minute) for minute in range(0, 1440, 10)])
    post({"spaceship_id": 42, "units": "kW", "data": data})
    return Asset.objects.get(number=42)


def test_the_list_finds_an_asset_and_tells_when_it_was_heard_of(pages, asset):
    page = pages("viewer").get("/admin/fleet/asset/?q=42").content.decode()
    assert "posted readings" in page
    assert "2018-08-24T23:50:00Z" in page


def test_readings_and_quarters_come_page_by_page(pages, asset):
    browser = pages("viewer")
    first = browser.get(f"/admin/fleet/asset/{asset.pk}/readings/").content.decode()
    assert "2018-08-24T15:50:00Z" in first
    assert "?start=2018-08-24T16%3A00%3A00Z" in first
    second = browser.get(f"/admin/fleet/asset/{asset.pk}/readings/?start=2018-08-24T16:00:00Z").content.decode()
    assert "2018-08-24T15:50:00Z" not in second
    assert "2018-08-24T23:50:00Z" in second


def test_a_time_that_is_none_is_told(pages, asset):
    page = pages("viewer").get(f"/admin/fleet/asset/{asset.pk}/readings/?start=soon").content.decode()
    assert "It is no ISO 8601 time" in page


def test_an_engineer_names_and_prices_an_asset(pages, asset):
    form = {"name": "the pump", "kind": "meter", "price": "0.31", "currency": "EUR"}
    answer = pages("engineer").post(f"/admin/fleet/asset/{asset.pk}/change/", form)
    assert answer.status_code == 302
    asset.refresh_from_db()
    assert (asset.number, asset.name, asset.kind, asset.price, asset.currency) == (42, "the pump", "meter", 0.31, "EUR")


def test_a_battery_whose_clock_is_set_is_accounted_for_anew(pages, asset):
    Asset.objects.filter(pk=asset.pk).update(battery_id=1, kind="battery", begun_at=0.0, cursor=9)
    form = {"name": "cell", "kind": "battery", "begun_at": "5"}
    assert pages("engineer").post(f"/admin/fleet/asset/{asset.pk}/change/", form).status_code == 302
    asset.refresh_from_db()
    assert (asset.begun_at, asset.cursor, Quarter.objects.count()) == (5.0, 0, 0)


def test_deleting_tells_what_goes_and_takes_it_along(pages, asset):
    browser = pages("administrator")
    page = browser.get(f"/admin/fleet/asset/{asset.pk}/delete/").content.decode()
    assert "144 readings" in page
    assert "96 quarters" in page
    browser.post(f"/admin/fleet/asset/{asset.pk}/delete/", {"post": "yes"})
    assert not Asset.objects.exists()
    assert not Reading.objects.exists()
    assert not Quarter.objects.exists()
