"""The pages of energy: what they say of the seed's examples, what they answer when nothing is there."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from datahub.models import Battery
from energykit.quarters import labelled
from fleet.models import Asset, EnergyForecast
from jobs.models import Job
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
