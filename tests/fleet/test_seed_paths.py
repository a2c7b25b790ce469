"""The seed's API: what it takes, what it refuses and how it says so, and what it answers."""

import pytest

from fleet.models import Asset, Quarter, Reading
from tests.fleet.cases import body_of, named, rows

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

GOOD = {"spaceship_id": 1, "units": "kWh", "data": rows(("00:00", 12), ("01:00", 26), ("02:00", 18))}


def with_time(text, index=1):
    data = [dict(row) for row in GOOD["data"]]
    data[index]["datetime"] = text
    return GOOD | {"data": data}


def with_value(value, index=1):
    data = [dict(row) for row in GOOD["data"]]
    data[index]["value"] = value
    return GOOD | {"data": data}


def nothing_stored():
    return not Asset.objects.exists() and not Reading.objects.exists() and not Quarter.objects.exists()


# --- POST /data ------------------------------------------------------------------------------------------------------
def test_a_post_is_answered_with_what_became_of_it(post):
    answer = post(body_of(named("A04")["requests"][0], 42))

    assert answer.status_code == 201
    assert answer.json() == {
        "spaceship_id": 42, "accepted": 3, "skipped": [], "warnings": [], "quarters": 6,
        "start": "2019-01-05T04:30:00Z", "end": "2019-01-05T06:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/csv", "a,b", 415),
        ("application/x-www-form-urlencoded", "units=kW", 415),
        ("application/json", "{", 400),
        ("application/json", "", 400),
        ("application/json", b"\xff", 400),
        ("application/json", "[" * 10_000, 400),
        ("application/json", "[1]", 400),
        ("application/json", '{"units": ' + "9" * 5000 + "}", 400),
    ],
)
def test_v1_what_is_no_json_object_is_refused(client, content_type, body, status):
    answer = client.generic("POST", "/fleet/data", body, content_type=content_type)

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")
    assert nothing_stored()


@pytest.mark.parametrize("missing", [["units"], ["spaceship_id"], ["data"], ["units", "data"], list(GOOD)])
def test_v2_missing_fields_are_all_named(post, missing):
    answer = post({name: value for name, value in GOOD.items() if name not in missing})

    assert answer.status_code == 400
    assert answer.json() == {name: ["This field is required."] for name in missing}


@pytest.mark.parametrize("units", ["kiloWattHour", 5, None, "", ["kW"], "\ud800"])
def test_v3_other_units_are_refused(post, units):
    answer = post(GOOD | {"units": units})

    assert answer.status_code == 400
    assert list(answer.json()) == ["units"]


def test_v4_units_are_read_in_any_case(post, stored):
    assert post(GOOD | {"units": "KWH"}).status_code == 201
    assert stored()[0]["value"] == 3


@pytest.mark.parametrize("data", [[], {}, [1], None, "rows", [[]], [{"datetime": "2018-08-24", "value": 1}] * 10_001])
def test_v5_data_that_is_no_list_of_rows_is_refused(post, data):
    answer = post(GOOD | {"data": data})

    assert answer.status_code == 400
    assert list(answer.json()) == ["data"]
    assert nothing_stored()


def test_v6_a_row_without_datetime_is_named(post):
    for wrong in ({"value": 1}, {"datetime": None, "value": 1}):
        answer = post(GOOD | {"data": [*GOOD["data"], wrong]})
        assert answer.status_code == 400
        assert [each["index"] for each in answer.json()["data"]] == [3]


@pytest.mark.parametrize(
    "text",
    ["2018-08-34T04:00:00Z", "2018-09-24T99:99:00Z", "", "now", "2018-08-24T00:00:00+99:00", "0001-01-01T00:00:00Z",
     "9999-12-31T23:59:59Z", "1535068800", "1535061200000", "2018-08-24T24:00:00Z", "٢٠١٨-08-24T00:00:00Z"],
)  # fmt: skip
def test_v7_a_time_that_is_none_is_refused_by_its_row(post, text):
    answer = post(with_time(text))

    assert answer.status_code == 400
    assert [each["index"] for each in answer.json()["data"]] == [1]
    assert nothing_stored()


@pytest.mark.parametrize("again", ["2018-08-24T00:00:00Z", "2018-08-24T02:00:00+02:00", "2018-08-24T00-00-00Z"])
def test_v8_the_same_instant_twice_is_refused(post, again):
    answer = post(with_time(again))

    assert answer.status_code == 400
    assert [(each["index"], each["code"]) for each in answer.json()["data"]] == [(1, "duplicate_timestamp")]


@pytest.mark.parametrize("value", [-1, -0.001, "-5", -1e300])
def test_v9_a_negative_value_is_refused_by_its_row(post, value):
    answer = post(with_value(value))

    assert answer.status_code == 400
    assert [each["index"] for each in answer.json()["data"]] == [1]
    assert nothing_stored()


@pytest.mark.parametrize(
    ("written", "reason"),
    [("null", "null"), ('"abc"', "not_a_number"), ("NaN", "not_finite"), ("Infinity", "not_finite"),
     ("-Infinity", "not_finite"), ("true", "boolean"), ("[]", "not_a_number"), ('"1_0"', "not_a_number"),
     ("1e999", "not_finite"), (None, "missing")],
)  # fmt: skip
def test_v10_a_value_that_is_no_number_is_a_gap(post, stored, written, reason):
    """12 kWh end where the gap begins; it lasts to the next reading."""
    value = "" if written is None else f', "value": {written}'
    row = f'{{"datetime": "2018-08-24T01:00:00Z"{value}}}'
    first, last = '{"datetime": "2018-08-24T00:00Z", "value": 12}', '{"datetime": "2018-08-24T02:00Z", "value": 18}'
    answer = post(f'{{"spaceship_id": 1, "units": "kWh", "data": [{first}, {row}, {last}]}}')

    assert answer.status_code == 201
    assert answer.json()["skipped"] == [{"index": 1, "reason": reason}]
    assert answer.json()["accepted"] == 2
    assert [each["value"] for each in stored()] == [3] * 4 + [4.5] * 4
    assert [each["datetime"][11:16] for each in stored()][4] == "02:00"


def test_v11_a_number_in_text_is_read(post, stored):
    assert post(with_value("12.5")).status_code == 201
    assert stored()[4]["value"] == 3.125


def test_v12_nothing_usable_is_refused(post):
    answer = post(GOOD | {"data": rows(("00:00", None), ("01:00", "x"))})

    assert answer.status_code == 400
    assert [each["code"] for each in answer.json()["data"]] == ["no_usable_values"]
    assert nothing_stored()


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("2018-08-24T01:00:00ZZ", [{"index": 1, "code": "repeated_zone"}]),  # V13
        ("2018-08-24T01:00:00", [{"index": 1, "code": "naive_datetime"}]),  # V14
        ("2018-08-24T03:00:00+02:00", []),  # V15
        ("2018-08-24T01-00-00Z", []),  # V16
        ("2018-08-23T20-00-00-05:00", []),
        ("2018-08-24T01-00-00ZZ", [{"index": 1, "code": "repeated_zone"}]),
        ("20180824T010000Z", []),
    ],
)
def test_v13_to_v16_times_are_read_as_they_come(post, stored, text, warnings):
    answer = post(with_time(text))

    assert (answer.status_code, answer.json()["warnings"]) == (201, warnings)
    assert [each["value"] for each in stored()] == [3] * 4 + [6.5] * 4 + [4.5] * 4


@pytest.mark.parametrize("moment", [1535068800, 1535068800.0, True, {}])
def test_v17_a_number_is_no_time(post, moment):
    answer = post(with_time(moment))

    assert answer.status_code == 400
    assert [each["index"] for each in answer.json()["data"]] == [1]


@pytest.mark.parametrize("number", ["abc", 1.5, None, -1, True, "", [], 2**63, "9" * 100])
def test_v18_what_is_no_number_of_an_asset_is_refused(post, number):
    answer = post(GOOD | {"spaceship_id": number})

    assert answer.status_code == 400
    assert list(answer.json()) == ["spaceship_id"]


def test_a_number_in_text_names_an_asset(post, stored):
    assert post(GOOD | {"spaceship_id": "42"}).json()["spaceship_id"] == 42
    assert len(stored(42)) == 12


def test_v19_the_order_of_rows_does_not_matter(post, stored):
    assert post(GOOD | {"data": GOOD["data"][::-1]}).status_code == 201
    assert [each["value"] for each in stored()] == [3] * 4 + [6.5] * 4 + [4.5] * 4


def test_v20_the_same_body_again_changes_nothing(post, stored):
    first = post(GOOD).json()
    before = stored(detail=1)

    assert post(GOOD).json() == first
    assert stored(detail=1) == before
    assert Reading.objects.count() == 3


@pytest.mark.parametrize(("interval", "status"), [(3600, 201), ("3600", 201), ("PT1H", 201), (None, 201), (0, 400),
    (-5, 400), ("P1Y", 400), ("x", 400), (True, 400), (1e9, 400), ("P", 400), ([], 400)])  # fmt: skip
def test_an_interval_is_seconds_or_an_iso_duration(post, interval, status):
    answer = post(GOOD | {"interval": interval})

    assert answer.status_code == status
    assert status == 201 or list(answer.json()) == ["interval"]


def test_values_of_any_size_are_kept_and_what_no_sum_can_hold_is_refused(post, stored):
    assert post(GOOD | {"data": rows(("00:00", 1e290), ("00:05", 1e290), ("00:10", 1e-320))}).status_code == 201
    assert stored()[0]["value"] == pytest.approx(2e290)
    assert post(with_value(1e291)).status_code == 400


def test_new_numbers_make_assets_unless_the_setting_says_no(post, settings):
    settings.ENERGY_NEW_ASSETS = False
    answer = post(GOOD)

    assert (answer.status_code, nothing_stored()) == (404, True)
    Asset.objects.create(number=1)
    assert post(GOOD).status_code == 201


# --- GET /data -------------------------------------------------------------------------------------------------------
SEEDS = [("00:00", 3), ("00:15", 3), ("00:30", 3), ("00:45", 3)]


def answered(answer):
    return [(each["datetime"][11:16], each["value"]) for each in answer.json()["data"]]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("start=2018-08-24T00-00-00Z&end=2018-08-24T01-00-00Z", SEEDS),  # G1
        ("start=2018-08-24T00:00:00Z&end=2018-08-24T01:00:00Z", SEEDS),  # G2
        ("start=2018-08-24T02:00:00%2B02:00&end=2018-08-24T03:00:00%2B02:00", SEEDS),
        ("start=2018-08-24T02:00:00+02:00&end=2018-08-24T03:00:00+02:00", SEEDS),
        ("start=2018-08-24T00:45:00Z&end=2018-08-24T01:15:00Z", [("00:45", 3), ("01:00", 6.5)]),  # G3
        ("start=2018-08-24T00:07:00Z&end=2018-08-24T00:31:00Z", [("00:15", 3), ("00:30", 3)]),  # G4
        ("start=2018-08-24T00:00:00Z&end=2018-08-24T00:00:00Z", []),  # G5
        ("start=2028-01-01T00:00:00Z&end=2038-01-01T00:00:00Z", []),  # G8
    ],
)
def test_g1_to_g8_a_quarter_counts_where_it_begins_in_the_window(client, seed_examples, window, expected):
    answer = client.get(f"/fleet/data?spaceship_id=1&{window}")

    assert answer.status_code == 200
    assert answered(answer) == expected


def test_g1_is_answered_to_the_letter(client, seed_examples):
    answer = client.get("/fleet/data?spaceship_id=1&start=2018-08-24T00-00-00Z&end=2018-08-24T01-00-00Z")

    labels = ",".join(f'{{"datetime":"2018-08-24T00:{minute}:00Z","value":3}}' for minute in ("00", "15", "30", "45"))
    assert answer.content.decode() == f'{{"spaceship_id":1,"units":"kWh","data":[{labels}]}}'


@pytest.mark.parametrize(
    ("query", "named_field"),
    [
        ("start=2018-08-25&end=2018-08-24", "start"),  # G6
        ("start=2018-08-24T03:00:00%2B02:00&end=2018-08-24T00:30:00Z", "start"),
        ("end=2018-08-24", "start"),  # G7
        ("start=2018-08-24", "end"),
        ("start=x&end=2018-08-24", "start"),
        ("start=2018-08-24&end=2018-08-25&partial=some", "partial"),
        ("start=2018-08-24&end=2018-08-25&fill=one", "fill"),
        ("start=1900-01-01&end=2900-01-01&fill=zero", "fill"),
    ],
)
def test_g6_g7_a_wrong_parameter_is_named(client, seed_examples, query, named_field):
    answer = client.get(f"/fleet/data?spaceship_id=1&{query}")

    assert (answer.status_code, list(answer.json())) == (400, [named_field])


def test_g7_the_number_is_needed(client):
    assert list(client.get("/fleet/data?start=2018-08-24&end=2018-08-25").json()) == ["spaceship_id"]


def test_g9_an_unknown_ship_is_not_found(client, seed_examples):
    assert client.get("/fleet/data?spaceship_id=9&start=2018-08-24&end=2018-08-25").status_code == 404


def test_g10_dates_are_midnights(client, seed_examples):
    assert len(answered(client.get("/fleet/data?spaceship_id=1&start=2018-08-24&end=2018-08-25"))) == 12


def test_g11_partial_quarters_are_kept_scaled_or_dropped(stored, seed_examples):
    assert [each["value"] for each in stored(2)] == [5.75, 5.25, 0.666667]
    assert [each["value"] for each in stored(2, partial="scale")] == [5.75, 5.25, 2]
    assert [each["value"] for each in stored(2, partial="drop")] == [5.75, 5.25]


def test_g12_what_is_missing_may_be_filled(post, stored):
    post(body_of(named("A14")["requests"][0]))
    hour = {"start": "2018-08-24T00:00:00Z", "end": "2018-08-24T01:00:00Z"}

    assert [each["value"] for each in stored(**hour)] == [1, 2]
    assert [each["value"] for each in stored(**hour, fill="zero")] == [1, 2, 0, 0]
    assert [each["value"] for each in stored(**hour, fill="null")] == [1, 2, None, None]
    assert [each["covered_seconds"] for each in stored(**hour, fill="null", detail=1)] == [900, 900, 0, 0]


@pytest.mark.parametrize(
    ("day", "after", "quarters", "offsets"),
    [
        ("2018-03-25", "2018-03-26", 92, {"+01:00", "+02:00"}),
        ("2018-10-28", "2018-10-29", 100, {"+02:00", "+01:00"}),
        ("2018-08-24", "2018-08-25", 96, {"+02:00"}),
    ],
)
def test_a_local_day_has_as_many_quarters_as_its_clock_says(post, client, day, after, quarters, offsets):
    """In spring an hour is left out, in autumn one comes twice; each quarter has a label of its own."""
    post({"spaceship_id": 1, "units": "kWh", "data": [{"datetime": "2018-01-01T00:00:00Z", "value": 1}]})
    query = {"spaceship_id": 1, "start": day, "end": after, "zone": "Europe/Berlin", "fill": "zero"}
    labels = [each["datetime"] for each in client.get("/fleet/data", query).json()["data"]]

    assert len(labels) == len(set(labels)) == quarters
    assert labels[0].startswith(f"{day}T00:00:00")
    assert labels[-1].startswith(f"{day}T23:45:00")
    assert {label[-6:] for label in labels} == offsets


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../etc/passwd", "x" * 500, "Europe"])
def test_a_zone_that_is_none_is_refused(client, seed_examples, zone):
    answer = client.get(f"/fleet/data?spaceship_id=1&start=2018-08-24&end=2018-08-25&zone={zone}")
    assert (answer.status_code, list(answer.json())) == (400, ["zone"])


# --- GET /topusers ---------------------------------------------------------------------------------------------------
def test_top_users_of_a_window_and_of_all_time(client, seed_examples):
    def top(**query):
        answer = client.get("/fleet/topusers", query).json()
        return answer["datetime"], [(ship["spaceship_id"], ship["consumption"]) for ship in answer["ships"]]

    hour = {"start": "2018-08-24T00:00:00Z", "end": "2018-08-24T01-00-00Z"}
    assert top(**hour) == ("2018-08-24T00:00:00Z", [(3, 15), (1, 12), (2, 11.666667)])
    assert top(**hour, count=2)[1] == [(3, 15), (1, 12)]
    assert top() == ("2018-08-24T00:00:00Z", [(1, 56), (3, 15), (2, 11.666667)])
    assert top(start="2018-08-24T01:00:00Z") == ("2018-08-24T01:00:00Z", [(1, 44)])
    assert top(start="2030-01-01") == ("2030-01-01T00:00:00Z", [])


def test_equal_users_come_by_number(client, post):
    for number in (7, 5, 6):
        post(GOOD | {"spaceship_id": number})
    assert [ship["spaceship_id"] for ship in client.get("/fleet/topusers?count=9").json()["ships"]] == [5, 6, 7]


def test_without_data_there_is_no_top(client):
    assert client.get("/fleet/topusers").json() == {"datetime": None, "ships": []}


@pytest.mark.parametrize("count", ["0", "-1", "x", "1.5", ""])
def test_a_count_below_one_is_refused(client, count):
    answer = client.get(f"/fleet/topusers?count={count}")
    assert (answer.status_code, list(answer.json())) == (400, ["count"])


# --- GET /forecast ---------------------------------------------------------------------------------------------------
WEEKS = 14 * 96
START = 1_534_464_000  # 2018-08-17, a Friday


def label(seconds):
    from energykit.quarters import labelled

    return labelled(seconds)


@pytest.fixture
def history(post):
    def send(values):
        data = [{"datetime": label(START + 900 * place), "value": value} for place, value in enumerate(values)]
        assert post({"spaceship_id": 1, "units": "kWh", "data": data}).status_code == 201

    return send


@pytest.fixture
def expected(client):
    def ask(start, seconds):
        query = {"spaceship_id": 1, "start": label(start), "end": label(start + seconds)}
        answer = client.get("/fleet/forecast", query)
        assert answer.status_code == 200, answer.content
        assert answer.json()["datetime"] == label(start)
        return answer.json()["expected_consumption"]

    return ask


END = START + WEEKS * 900


def test_f1_f4_an_even_use_goes_on(history, expected):
    history([2] * WEEKS)
    assert expected(END, 3600) == pytest.approx(8, abs=1e-6)
    assert expected(END + 420, 1800) == pytest.approx(4, abs=1e-6)


def test_f2_f5_a_pattern_goes_on_also_in_a_window_that_is_past(history, expected):
    history([place % 4 + 1 for place in range(WEEKS)])
    assert expected(END, 3600) == pytest.approx(10, abs=1e-6)
    assert expected(END, 86_400) == pytest.approx(240, abs=1e-6)
    assert expected(END - 3 * 86_400, 3600) == pytest.approx(10, abs=1e-6)


def test_f5_what_came_after_the_window_began_is_not_known_to_it(history, expected, post):
    history([place % 4 + 1 for place in range(WEEKS)])
    before = expected(END - 86_400, 3600)
    data = [{"datetime": label(END - 86_400 + 900 * place), "value": 1000} for place in range(96)]
    post({"spaceship_id": 1, "units": "kWh", "data": data})
    assert expected(END - 86_400, 3600) == before


def test_f3_a_trend_goes_on(history, expected):
    history(range(WEEKS))
    assert expected(END, 3600) == pytest.approx(1344 + 1345 + 1346 + 1347, abs=1e-6)


def test_f6_less_than_a_day_is_too_little(client, history):
    history([2] * 95)
    answer = client.get("/fleet/forecast", {"spaceship_id": 1, "start": label(END), "end": label(END + 3600)})

    assert answer.status_code == 422
    assert answer.json() | {"detail": ""} == {"detail": "", "code": "insufficient_history", "have": 95, "need": 96}


@pytest.mark.parametrize(
    ("query", "status"),
    [("spaceship_id=9&start=2018-08-24&end=2018-08-25", 404), ("spaceship_id=1&start=2018-08-24&end=2018-08-24", 400),
     ("spaceship_id=1&start=2018-08-25&end=2018-08-24", 400), ("spaceship_id=1&start=2018-08-01&end=2018-09-02", 400),
     ("spaceship_id=1&start=2018-08-24", 400), ("spaceship_id=1&start=2018-08-24&end=2018-08-25&model=x", 400)],
)  # fmt: skip
def test_a_forecast_of_a_wrong_window_is_refused(client, seed_examples, query, status):
    assert client.get(f"/fleet/forecast?{query}").status_code == status


# --- REST ------------------------------------------------------------------------------------------------------------
def test_rest_answers_the_same_as_the_seed_paths(client, post, seed_examples):
    window = {"spaceship_id": 1, "start": "2018-08-24", "end": "2018-08-25"}
    assert client.get("/api/v1/energy/quarters/", window).json() == client.get("/fleet/data", window).json()
    assert client.get("/api/v1/energy/top/").json() == client.get("/fleet/topusers").json()
    assert post(GOOD, "/api/v1/energy/readings/").json() == post(GOOD).json()


def test_rest_tells_refusals_in_the_shape_of_rest(post):
    refused = post(with_time("2018-08-24T00:00:00Z"), "/api/v1/energy/readings/").json()["error"]
    assert refused["code"] == "duplicate_timestamp"
    assert refused["fields"]["data"][0]["index"] == 1


def test_the_fleet_is_summed_by_kind_over_quarters_days_and_months(client, seed_examples):
    def fleet(resolution):
        query = {"start": "2018-08-01", "end": "2018-09-01", "resolution": resolution}
        return client.get("/api/v1/energy/fleet/", query).json()["data"]

    assert fleet("quarter")[0] == {
        "datetime": "2018-08-24T00:00:00Z", "kind": "ship", "value": 10.75, "charged": 0, "covered_seconds": 2700,
        "assets": 3,
    }  # fmt: skip
    (day,), (month,) = fleet("day"), fleet("month")
    assert (day["datetime"], day["value"]) == ("2018-08-24T00:00:00Z", 82.666667)
    assert (month["datetime"], month["value"]) == ("2018-08-01T00:00:00Z", 82.666667)


def test_a_quarter_tells_the_readings_it_is_made_of(client, post):
    post(body_of(named("A24")["requests"][0]))
    post(body_of(named("A24")["requests"][1]))
    asset = Asset.objects.get(number=1)
    day = named("A24")["requests"][0]["data"][0]["datetime"][:10]

    found = client.get(f"/api/v1/energy/assets/{asset.pk}/sources/?start={day}T04:07:00Z").json()

    assert [(each["datetime"][11:16], each["end"][11:16], each["value"], each["seconds"], each["energy"])
            for each in found] == [("04:05", "04:10", 30, 300, 2.5), ("04:10", "04:15", 60, 300, 5)]  # fmt: skip


@pytest.mark.parametrize(("address", "status"), [("/fleet/data?spaceship_id=%00", 400), ("/fleet/nowhere", 404)])
def test_what_no_view_is_asked_for_is_refused_in_json_too(client, address, status):
    answer = client.get(address)
    assert (answer.status_code, list(answer.json())) == (status, ["detail"])
