"""Assets in the admin: found, named, priced; their readings and quarters page by page; deleted with what they have."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from fleet.models import Asset, EnergyForecast, Quarter, Reading
from jobs.models import Job
from tests.fleet.cases import rows

START = 1_535_068_800  # 2018-08-24 00:00 UTC

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


def test_readings_are_found_by_year_month_and_day(pages, asset, post):
    post({"spaceship_id": 42, "units": "kWh", "data": rows(("00:00", 1), day="2019-02-03")})
    browser = pages("viewer")
    address = f"/admin/fleet/asset/{asset.pk}/readings/"

    def levels(query):
        return [
            (heading, [(step.words, step.start, step.is_here) for step in steps])
            for heading, steps in browser.get(address + query).context["levels"]
        ]

    years = [("2018", "2018-08-01", False), ("2019", "2019-02-01", False)]
    assert levels("") == [("Year", years)]
    assert levels("?start=2019-02-01") == [
        ("Year", [years[0], ("2019", "2019-02-01", True)]),
        ("Month", [("2019-02", "2019-02-01", True)]),
        ("Day", [("03", "2019-02-03", False)]),
    ]


def test_a_page_of_readings_costs_as_many_queries_for_many_as_for_few(pages, asset, post):
    post({"spaceship_id": 7, "units": "kW", "data": rows(("00:00", 1), ("00:10", 1))})
    few = Asset.objects.get(number=7)
    browser = pages("viewer")

    def queries(of):
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(f"/admin/fleet/asset/{of.pk}/readings/?start=2018-08-24").status_code == 200
        return len(asked)

    queries(few)
    assert queries(asset) == queries(few)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [("source=posted", [7, 42]), ("source=battery", [9]), ("priced=yes", [7]), ("priced=no", [9, 42]),
     ("came=never", [9]), ("came=before", [7]), ("came=hour", [42]), ("kind=battery", [9]),
     ("battery_id__exact=3", [9])],
)  # fmt: skip
def test_the_list_is_narrowed(pages, asset, query, numbers):
    Asset.objects.create(number=7, price=0.3, last_received=1e9)
    Asset.objects.create(number=9, kind="battery", battery_id=3)
    found = pages("viewer").get(f"/admin/fleet/asset/?{query}").context["cl"].result_list
    assert [each.number for each in found] == numbers


def test_a_forecast_is_asked_for_in_the_list(pages, asset):
    chosen = {"action": "forecast", "_selected_action": [asset.pk], "sure": "yes"}
    pages("engineer").post("/admin/fleet/asset/", chosen)
    job = Job.objects.get()
    assert (job.kind, job.arguments["asset_id"], job.arguments["quarters"]) == ("forecast_energy", asset.pk, 96)


def test_a_forecast_that_is_kept_is_asked_for_again(pages, asset):
    forecast = EnergyForecast.objects.create(
        asset=asset, model="linear", made_from=0, start=0, quarters=4, expected=bytes(32), total=0.5, scored=now(),
        scores={"quarters": 4, "mean_absolute_error_kwh": 0.25, "inside_band": None},
    )  # fmt: skip
    listed = pages("viewer").get("/admin/fleet/energyforecast/").content.decode()
    assert "0.25" in listed
    chosen = {"action": "forecast_again", "_selected_action": [forecast.pk], "sure": "yes"}
    pages("engineer").post("/admin/fleet/energyforecast/", chosen)
    assert Job.objects.get().arguments == {
        "model": "linear", "start": START + 86_400, "quarters": 4, "asset_id": asset.pk,
    }  # fmt: skip


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
    for typed in ("", "42", "Ship 42"):
        again = browser.post(f"/admin/fleet/asset/{asset.pk}/delete/", {"post": "yes", "confirm": typed})
        assert "This is not its name" in again.content.decode()
    assert Quarter.objects.count() == 96
    browser.post(f"/admin/fleet/asset/{asset.pk}/delete/", {"post": "yes", "confirm": "ship 42"})
    assert not Asset.objects.exists()
    assert not Reading.objects.exists()
    assert not Quarter.objects.exists()
