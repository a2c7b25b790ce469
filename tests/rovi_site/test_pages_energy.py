"""The pages of energy: what they say of the seed's examples, what they answer when nothing is there."""

import doctest
import re
from array import array
from datetime import datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from rest_framework.test import APIClient

from datahub.models import Battery
from energykit.quarters import labelled
from fleet.models import Asset, EnergyForecast
from jobs.models import Job
from rovi_site.pages import energy_range, energy_series
from rovi_site.pages.energy_range import window_of

pytestmark = [pytest.mark.django_db]

START = 1_535_068_800  # 2018-08-24 00:00 UTC
HOURS = [12, 26, 18]  # kWh


@pytest.fixture
def client(user_with_role):
    client = APIClient()
    client.force_login(user_with_role("operator"))
    return client


@pytest.fixture
def readings(client):
    def post(number=1, values=HOURS, first=START, step=3600):
        data = [{"datetime": labelled(first + place * step), "value": value} for place, value in enumerate(values)]
        answer = client.post("/fleet/data", {"spaceship_id": number, "units": "kWh", "data": data}, format="json")
        assert answer.status_code == 201, answer.content

    return post


def text_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_an_empty_house_says_how_to_begin(client):
    answer = client.get("/energy")
    assert answer.status_code == 200
    assert "/fleet/data" in answer.content.decode()
    assert client.get("/charts/energy").json() == {"lines": []}


def test_the_fleets_page_tells_who_used_most(client, readings):
    readings(1)
    readings(2, [100, 0])
    Asset.objects.filter(number=2).update(name="Pump station", price=0.25, currency="EUR")
    words = text_of(client.get("/energy?from=start"))
    assert "156.00 kWh" in words
    assert "25.00 EUR" in words
    assert words.index("Pump station") < words.index("ship 1")


def test_bars_of_a_short_range_are_quarters(client, readings):
    readings(1)
    found = client.get("/charts/energy?from=end-24h").json()
    assert found["resolution"] == "quarter"
    (line,) = found["lines"]
    assert line["t"][0] == "2018-08-24T00:00:00Z"
    assert line["y"] == [3.0] * 4 + [6.5] * 4 + [4.5] * 4
    assert found["coverage"]["share"] == [1.0] * 12
    assert found["heat"]["days"] == ["2018-08-24"]
    assert found["heat"]["kwh"][0][:13] == [3.0] * 4 + [6.5] * 4 + [4.5] * 4 + [None]


def test_bars_of_a_long_range_are_days(client, readings):
    readings(1, [24.0] * 10, step=86_400)
    readings(1, [1.0] * 24 * 10)
    found = client.get("/charts/energy?from=end-30d").json()
    assert found["resolution"] == "day"
    assert found["lines"][0]["y"] == [24.0] * 10


def test_a_day_of_which_the_range_holds_a_part_is_drawn_whole(client, readings):
    readings(1, [1.0] * 24 * 12)
    found = client.get("/charts/energy?from=2018-08-25T12:00&to=2018-09-04").json()
    (line,) = found["lines"]
    assert (line["t"][0], line["y"]) == ("2018-08-25T00:00:00Z", [24.0] * 10)
    assert found["span"] == ["2018-08-25T00:00:00Z", "2018-09-04T00:00:00Z"]


@pytest.mark.parametrize(
    ("address", "head", "first", "lines"),
    [
        ("/energy/1/quarters.csv?from=start", "datetime,energy_kwh,charged_kwh,covered_seconds",
         "2018-08-24T00:00:00Z,3,0,900", 13),
        ("/energy/quarters.csv?from=start", "datetime,kind,energy_kwh,charged_kwh,covered_seconds,assets",
         "2018-08-24T00:00:00Z,ship,6,0,1800,2", 13),
        ("/energy/quarters.csv?from=2018-08-24&to=2018-09-24",
         "datetime,kind,energy_kwh,charged_kwh,covered_seconds,assets", "2018-08-24T00:00:00Z,ship,112,0,21600,2", 2),
    ],
)  # fmt: skip
def test_what_is_shown_is_a_file_too(client, readings, address, head, first, lines):
    """Of the seed's example, 12 + 26 + 18 = 56 kWh in three hours, twice."""
    readings(1)
    readings(2)
    told = b"".join(client.get(address).streaming_content).decode().splitlines()
    assert (told[0], told[1], len(told)) == (head, first, lines)


def test_a_file_of_an_unknown_asset_is_not_found_and_an_empty_one_has_its_head(client):
    assert client.get("/energy/77/quarters.csv").status_code == 404
    assert b"".join(client.get("/energy/quarters.csv").streaming_content).startswith(b"datetime,kind")


def test_an_asset_tells_where_a_quarter_comes_from(client, readings):
    readings(1)
    page = client.get(f"/energy/1?from=start&sources={START + 900}")
    words = text_of(page)
    assert "Where the quarter of 2018-08-24T00:15:00Z comes from" in words
    assert "12.0 kWh" in words
    assert client.get("/charts/energy/1").json()["lines"][0]["y"][0] == 3.0


def test_a_battery_and_its_asset_lead_to_each_other(client):
    battery = Battery.objects.create(name="pack 9")
    assert "/energy/" not in client.get("/dashboard/pack%209").content.decode()
    Asset.objects.create(number=1_000_000_009, name="pack 9", kind="battery", battery_id=battery.pk)
    assert 'href="/energy/1000000009"' in client.get("/dashboard/pack%209").content.decode()
    assert 'href="/dashboard/pack%209"' in client.get("/energy/1000000009").content.decode()


def test_an_unknown_asset_is_not_found(client):
    assert client.get("/energy/77").status_code == 404
    assert client.get("/charts/energy/77").status_code == 404


def test_a_number_that_is_no_time_shows_the_last_week_and_says_so(client, readings):
    readings(1)
    assert "The last week is shown" in text_of(client.get("/energy?from=yesterday"))
    assert "The range ends before it begins" in text_of(client.get("/energy?from=2018-08-25&to=2018-08-24"))


def test_a_forecast_is_asked_for_on_the_page(client, readings):
    readings(1)
    answer = client.post("/energy/forecast", {"model": "seasonal", "quarters": 96})
    job = Job.objects.get()
    assert (answer.status_code, answer.url) == (302, f"/jobs/{job.pk}")
    assert job.arguments == {"model": "seasonal", "start": START + 10_800, "quarters": 96, "asset_id": None}
    assert client.post("/energy/forecast", {"model": "oracle", "number": "1"}, follow=True).status_code == 200
    assert Job.objects.count() == 1


def test_a_forecast_stands_beside_what_is_known(client, readings):
    import numpy as np

    readings(1)
    asset = Asset.objects.get()
    ones = np.ones(4).tobytes()
    for of in (asset, None):
        EnergyForecast.objects.create(
            asset=of, model="seasonal", made_from=START, start=START + 10_800, quarters=4, expected=ones, low=ones,
            high=ones, total=4.0, total_low=3.5, total_high=4.5,
        )  # fmt: skip
    for address in ("/charts/energy", "/charts/energy/1"):
        told = client.get(address).json()["forecast"]
        assert (told["expected"], told["t"][0]) == ([1.0] * 4, "2018-08-24T03:00:00Z")
    assert "90 %: 3.50 to 4.50" in text_of(client.get("/energy"))
    assert "3.50 to 4.50 — —" in text_of(client.get("/energy/1"))  # nothing happened yet to hold it against


BERLIN = "tz=Europe/Berlin"


def at(text):
    return round(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    ("day", "next_day", "begins", "hours", "first", "last"),
    [("2026-03-29", "2026-03-30", "2026-03-28T23:00Z", 23, "2026-03-29T00:00:00+01:00", "2026-03-29T23:45:00+02:00"),
     ("2026-10-25", "2026-10-26", "2026-10-24T22:00Z", 25, "2026-10-25T00:00:00+02:00", "2026-10-25T23:45:00+01:00")],
)  # fmt: skip
def test_a_day_on_which_clocks_are_changed_has_92_or_100_quarters(
    client, readings, day, next_day, begins, hours, first, last
):
    readings(1, [4.0] * (hours + 48), at(begins) - 86_400)
    query = f"from={day}&to={next_day}&{BERLIN}"
    for address in ("/charts/energy", "/charts/energy/1"):
        found = client.get(f"{address}?{query}").json()
        assert (found["zone"], found["lines"][0]["y"]) == ("Europe/Berlin", [1.0] * 4 * hours)
        assert (found["heat"]["days"], len(found["heat"]["clocks"])) == ([day], 100 if hours == 25 else 92)
        assert found["heat"]["kwh"] == [[1.0] * 4 * hours]
    page = client.get(f"/energy/1?{query}")
    told = [label for label, _ in page.context["quarters"]]
    assert [f"{label[:10]}T{label[11:16]}:00{label[17:]}" for label in (told[0], told[-1])] == [last, first]
    assert len(told) == 4 * hours
    assert f'name="from" value="{day}T00:00"' in page.content.decode()
    for address in (f"/energy/1/quarters.csv?{query}", f"/energy/quarters.csv?{query}"):
        rows = b"".join(client.get(address).streaming_content).decode().splitlines()[1:]
        assert (rows[0].split(",")[0], rows[-1].split(",")[0], len(rows)) == (first, last, 4 * hours)


def test_days_of_local_time_are_summed_from_their_quarters(client, readings):
    """One kWh an hour, ten days of Berlin: the fifth has 25 hours."""
    readings(1, [1.0] * 300, at("2026-10-20T00:00Z"))
    for address in ("/charts/energy", "/charts/energy/1"):
        found = client.get(f"{address}?from=2026-10-21&to=2026-10-31&{BERLIN}").json()
        assert (found["resolution"], found["zone"]) == ("day", "Europe/Berlin")
        assert found["lines"][0]["t"][4:6] == ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"]
        assert found["lines"][0]["y"] == [24.0] * 4 + [25.0] + [24.0] * 5
        assert found["coverage"]["share"] == [1.0] * 10
        assert [len(day) - day.count(False) for day in found["heat"]["kwh"]] == [96] * 4 + [100] + [96] * 5
    rows = b"".join(client.get(f"/energy/quarters.csv?from=2026-10-21&to=2026-10-31&{BERLIN}").streaming_content)
    assert rows.decode().splitlines()[5] == "2026-10-25T00:00:00+02:00,ship,25,0,90000,1"


def test_what_is_no_zone_is_told_and_times_are_utc(client, readings):
    readings(1)
    assert "tz: It is no time zone" in text_of(client.get("/energy?tz=Middle-earth"))
    assert client.get("/charts/energy?tz=Middle-earth").json()["zone"] == "UTC"


def test_what_is_known_counts_from_the_first_reading_on(client, readings):
    """Three hours of six, the day before not counted; and of two assets the one that came later from then on."""
    readings(1)
    assert client.get("/energy/1?from=2018-08-23&to=2018-08-24T06:00").context["known"] == 0.5
    readings(2, [1.0, 1.0], START + 2 * 3600, step=1800)
    found = client.get("/charts/energy?from=2018-08-23&to=2018-08-24T06:00").json()
    assert found["coverage"]["share"] == [1.0] * 12


def test_the_last_quarters_of_which_not_all_was_told_yet_are_not_unlike_others(client, readings):
    readings(1, [10.0] * 24 * 10)
    readings(2, [10.0] * (24 * 10 - 1))
    readings(3, [0.0], START + 239 * 3600)  # new, and with as much to tell as the one that is missing
    assert client.get("/charts/energy").json()["outlying"]["t"] == []


def test_bars_are_of_those_that_used_most_and_all_others(client, readings):
    for number in range(1, 7):
        readings(number, [10.0 * number, 0.0])
    lines = client.get("/charts/energy?by=asset").json()["lines"]
    assert [(line["name"], line["y"][0]) for line in lines] == [
        ("ship 6", 15.0), ("ship 5", 12.5), ("ship 4", 10.0), ("ship 3", 7.5), ("all others", 7.5),
    ]  # fmt: skip
    assert len({line["colour"] for line in lines}) == 5
    assert 'aria-current="true">Top users' in client.get("/energy?by=asset").content.decode()


def test_energy_of_a_small_cell_is_told_to_three_figures(client, readings):
    readings(1, [0.0000321], step=900)
    assert client.get("/charts/energy/1").json()["lines"][0]["y"] == [3.21e-05]
    assert "0.0000321 kWh" in text_of(client.get("/energy/1"))


def test_a_forecast_has_a_page_of_its_own(client, readings):
    """Expected 1 kWh a quarter; 3 were used in each of the first hour, nothing is known of the second."""
    readings(1, [6, 6], step=1800)
    asset = Asset.objects.get()
    values = array("d", [1.0] * 8).tobytes()
    forecast = EnergyForecast.objects.create(
        asset=asset, model="seasonal", made_from=START, start=START, quarters=8, expected=values, low=values,
        high=values, total=8.0, total_low=7.5, total_high=8.5, scored=now(),
        scores={"quarters": 4, "mean_absolute_error_kwh": 2.0, "bias_kwh": -2.0, "actual_kwh": 12.0,
                "expected_kwh": 4.0, "inside_band": 0.0},
    )  # fmt: skip
    page = client.get(f"/energy/forecasts/{forecast.pk}?{BERLIN}")
    words = text_of(page)
    for told in ("7.50 to 8.50", "12.00 kWh", "4 of 8 quarters; 4.00 expected", "too low by 2.00"):
        assert told in words
    assert page.context["rows"][3:5] == [
        ("2018-08-24 02:45 +02:00", 1.0, 1.0, 1.0, 3.0), ("2018-08-24 03:00 +02:00", 1.0, 1.0, 1.0, None),
    ]  # fmt: skip
    found = client.get(f"/charts/energy/forecasts/{forecast.pk}").json()
    assert (found["lines"][0]["y"], found["forecast"]["low"]) == ([3.0] * 4, [1.0] * 8)
    rows = b"".join(client.get(f"/energy/forecasts/{forecast.pk}/quarters.csv").streaming_content).decode()
    assert rows.splitlines()[4:6] == ["2018-08-24T00:45:00Z,1,1,1,3", "2018-08-24T01:00:00Z,1,1,1,"]
    assert f'href="/energy/forecasts/{forecast.pk}"' in client.get("/energy/1").content.decode()
    assert client.get(f"/energy/forecasts/{forecast.pk + 1}").status_code == 404


def test_an_asset_whose_clock_runs_ahead_hides_no_other(client, readings):
    readings(1)
    readings(2, first=2_315_520_000)
    found = client.get("/charts/energy").json()
    assert (found["span"], len(found["lines"][0]["t"])) == (["2018-08-24T00:00:00Z", "2018-08-24T03:00:00Z"], 12)
    assert "Some assets' clocks run ahead, to 2043" in client.get("/energy").content.decode().replace("&#x27;", "'")
    assert "run ahead" not in text_of(client.get("/energy?from=start"))
    client.post("/energy/forecast", {"model": "seasonal", "quarters": 96})
    assert Job.objects.get().arguments["start"] == START + 10_800


def test_queries_do_not_grow_with_the_assets(client, readings):
    readings(1)

    def count():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get("/energy?from=start")
        return len(queries)

    first = count()
    for number in range(2, 30):
        readings(number)
    assert count() == first


@pytest.mark.parametrize("module", [energy_range, energy_series])
def test_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("query", "start", "words"),
    [("from=end-24h", "2018-08-24T00:00", "24 h"), ("from=start", "2018-08-24T00:00", "All"),
     ("from=2018-08-24T01:07&to=2018-08-24T02:00", "2018-08-24T01:00", "")],
)  # fmt: skip
def test_windows(query, start, words):
    from django.http import QueryDict

    window = window_of(QueryDict(query), START, START + 10_800)
    assert (window.start_text, window.words) == (start, words)


CSV = b"""spaceship_id,datetime,value
1,2018-08-24T00:00:00Z,12
1,2018-08-24T01:00:00Z,26
2,2018-08-24T00:00:00Z,
2,2018-08-24T01:00:00Z,5
"""


def upload(client, content, name="readings.csv", **fields):
    return client.post("/energy/upload", {"file": SimpleUploadedFile(name, content), "units": "kWh", **fields})


def test_a_file_is_looked_at_and_nothing_is_stored(client):
    answer = upload(client, CSV, look="1", part="1")
    words = text_of(answer)
    assert answer.status_code == 200
    assert "4, 1 without a number" in words
    assert "2018-08-24T00:00:00Z to 2018-08-24T01:00:00Z" in words
    assert not Asset.objects.exists()


def test_a_file_is_stored(client):
    answer = upload(client, CSV)
    assert answer.status_code == 302
    assert answer.url == "/energy?from=2018-08-24T00:00:00Z&to=2018-08-24T01:15:00Z"
    assert client.get("/charts/energy/1?from=start").json()["lines"][0]["y"][:5] == [3.0] * 4 + [6.5]


def test_a_file_of_one_asset_needs_no_column_of_numbers(client):
    answer = upload(client, b"datetime,value\n2018-08-24T00:00:00Z,12\n", number="7")
    assert answer.url.startswith("/energy/7?")


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"datetime,value\n2018-08-24T00:00:00Z,12\n", "a.csv", "It has no column spaceship_id"),
        (CSV.replace(b",12", b",-12"), "a.csv", "Row 1 (line 2)"),
        (CSV.replace(b"2018-08-24T01:00:00Z,26", b"soon,26"), "a.csv", "Row 2"),
        (b"\x00\xff", "a.parquet", "cannot be read"),
        (CSV, "a.xlsx", "must end in one of"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_and_nothing_stored(client, content, name, told):
    answer = upload(client, content, name)
    assert answer.status_code == 400
    assert told in text_of(answer)
    assert not Asset.objects.exists()
