"""The pages of energy in a real browser: the fleet, an asset, where a quarter comes from, a file of readings."""

import pytest

from energykit.quarters import labelled
from tests.browser.test_pages import AXE, LOOK

pytestmark = [pytest.mark.browser, pytest.mark.slow]

START = 1_535_068_800  # 2018-08-24 00:00 UTC
DAYS = 3
OUTLYING = 50  # the quarter of the second day in which the bakery used ten times as much


@pytest.fixture(scope="module")
def furnished(site):
    """Two assets with three days of quarters, one of which is unlike the others and one of which is missing."""
    rows = [
        (number, labelled(START + 900 * place), 10.0 if (number, place) == (101, 96 + OUTLYING) else 1.0)
        for number in (101, 7) for place in range(96 * DAYS) if (number, place) != (7, 96 + 20)
    ]  # fmt: skip
    numbers, times, values = zip(*rows, strict=True)
    data = {"spaceship_id": numbers, "datetime": times, "value": values}
    site.call("POST", "/api/v1/energy/batches/", {"units": "kWh", "interval": 900, "data": data})
    (bakery,) = site.call("GET", "/api/v1/energy/assets/?number=101")["results"]
    site.call("PATCH", f"/api/v1/energy/assets/{bakery['id']}/", {"name": "Bakery", "kind": "meter", "price": 0.5})
    return bakery


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_energy_is_complained_of(visit, furnished, scheme):
    seen = visit(scheme=scheme, width=390)
    found = {}
    for path in ("/energy", "/energy/101", f"/energy/101?sources={START}", "/energy/upload"):
        seen.go(path)
        seen.until("!document.querySelector('.chart-wait')")
        seen.page.evaluate(AXE)
        found[path] = (seen.overhang, seen.page.evaluate(LOOK))
    assert found == dict.fromkeys(found, (0, []))
    assert seen.complaints == []


def test_from_the_fleet_to_an_asset_to_where_a_quarter_comes_from(visit, furnished):
    seen = visit()
    page = seen.go("/energy")
    seen.until("!document.querySelector('.chart-wait')")
    page.click("text=Bakery >> nth=0")
    page.wait_for_url("**/energy/101")
    seen.until("!document.querySelector('.chart-wait')")
    page.click("table >> text=2018-08-26T23:45:00Z")
    page.wait_for_selector("#sources >> text=Where the quarter of 2018-08-26T23:45:00Z comes from")
    assert "1.0 kWh" in page.inner_text("#sources")
    assert seen.complaints == []


def test_days_against_the_time_of_day_are_walked_by_keys(visit, furnished):
    seen = visit()
    page = seen.go("/energy/101")
    seen.until("!document.querySelector('.chart-wait')")
    page.focus(".heat canvas")
    assert page.inner_text(".heat-note") == "2018-08-26 00:00 UTC: 1 kWh"
    page.keyboard.press("ArrowUp")
    for _ in range(OUTLYING):
        page.keyboard.press("ArrowRight")
    assert page.inner_text(".heat-note") == "2018-08-25 12:30 UTC: 10 kWh"
    page.keyboard.press("Enter")
    page.wait_for_url("**/energy/101?from=2018-08-25&to=2018-08-26&sources=*")
    assert "10.0 kWh" in page.inner_text("#sources")
    assert seen.complaints == []


def test_a_file_is_looked_at_and_then_stored(visit, furnished):
    seen = visit()
    page = seen.go("/energy/upload")
    file = {"name": "week.csv", "mimeType": "text/csv"}
    page.set_input_files("#id_file", {**file, "buffer": b"datetime,value\n2018-08-24T00:00:00Z,minus one\n"})
    page.fill("#id_number", "55")
    page.click("text=Look at it first")
    page.wait_for_selector("#preview [role=alert] >> text=The file cannot be taken as it is")
    seen.complaints.clear()  # the browser tells of the answer's status, 400
    page.set_input_files("#id_file", {**file, "buffer": b"datetime,value\n2018-08-24T00:00:00Z,2\n"})
    page.click("text=Look at it first")
    page.wait_for_selector("#preview >> text=What the file holds")
    assert page.locator("#id_file").evaluate("(input) => input.files[0].name") == "week.csv"
    page.click("main >> button:text-is('Store')")
    page.wait_for_url("**/energy/55?*")
    assert "1 reading of 1 asset; 1 quarter reckoned anew" in page.inner_text("main")
    assert seen.complaints == []
