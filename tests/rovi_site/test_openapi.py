"""The API's description: complete, valid, and true of what is answered."""

import re

import jsonschema
import pytest
from django.core.management import call_command

from datahub.registration import register_battery
from tests.rovi_site.routes import all_routes
from tests.rovi_site.test_doors import needed_by
from twin.registration import register_estimator

METHODS = {"get", "post", "put", "patch", "delete"}
# What an address needs beside itself.
QUERIES = {
    "energy-quarters-list": "?spaceship_id=42&start=2018-08-24&end=2018-08-25&detail=1",
    "energy-forecast-list": "?spaceship_id=42&start=2018-08-26&end=2018-08-27",
    "energy-fleet-list": "?start=2018-08-24&end=2018-08-25",
    "asset-sources": "?start=2018-08-24",
}
UNDESCRIBED = {"api-root", "schema", "api-docs"}  # they are the description, or lead to it


@pytest.fixture(scope="module")
def schema():
    from drf_spectacular.generators import SchemaGenerator

    return SchemaGenerator().get_schema(public=True)


def operations(schema):
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield path, method.upper(), operation


def test_it_is_valid_and_made_without_a_warning(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))
    assert (tmp_path / "schema.yml").stat().st_size > 10_000


def test_it_holds_every_method_of_rest_and_seed_paths_and_nothing_else(schema):
    routes = [
        route
        for route in all_routes()
        if route.pattern.startswith(("api/", "db/", "fleet/", "online/", "prognosis/"))
        and route.name not in UNDESCRIBED
    ]
    expected = {(_shape(route.pattern), method) for route in routes for method in needed_by(route)}
    assert {(_shape(path), method) for path, method, _ in operations(schema)} == expected


def _shape(path):
    """An address with its parameters made equal, however they are written."""
    path = re.sub(r"\(\?P<\w+>[^)]*\)|<[^>]*>|\{\w+\}", "{}", path)
    return re.sub(r"[\^$]", "", path).strip("/")


def test_every_operation_says_what_it_does_and_has_a_name_of_its_own(schema):
    found = list(operations(schema))
    assert [path for path, _, operation in found if not operation.get("description", "").strip()] == []
    assert len({operation["operationId"] for *_, operation in found}) == len(found)


def test_every_operation_says_how_callers_show_who_they_are(schema):
    assert {
        tuple(sorted(name for way in operation["security"] for name in way)) for *_, operation in operations(schema)
    } == {("basic", "bearer", "cookieAuth")}


def test_every_operation_tells_the_shape_of_its_refusals(schema, furnished, session):
    client = session("administrator")
    of_rest, of_seeds = client.get("/api/v1/batteries/987654/").json(), client.get("/prognosis/x/run").json()
    of_fleet = client.get("/fleet/data").json()
    wrong = []
    for path, method, operation in operations(schema):
        shape = operation["responses"]["default"]["content"]["application/json"]["schema"]
        try:
            of_others = of_fleet if path.startswith("/fleet/") else of_seeds
            validate(of_rest if path.startswith("/api/") else of_others, shape, schema)
        except jsonschema.ValidationError as differs:
            wrong.append((method, path, str(differs)))
    assert wrong == []


def validate(answer, shape, schema):
    jsonschema.Draft202012Validator({**shape, "components": schema["components"]}).validate(answer)


def test_what_is_answered_is_what_is_described(schema, furnished, session):
    """Every GET of REST against its schema: of a battery that has everything, one that has nothing, and failures."""
    client = session("administrator")
    described = {_shape(path): operation for path, method, operation in operations(schema) if method == "GET"}
    empty = register_battery(None, name="nothing sent yet")
    waiting = register_estimator(battery_name=empty.name, definition="estimator = None")
    instead = {
        "battery": [empty], "estimator": [furnished.failed, waiting], "forecaster": [furnished.failed_forecaster],
        "forecast": [furnished.failed_run],
    }  # fmt: skip
    wrong, tried = {}, 0
    for route in all_routes():
        if not route.pattern.startswith("api/v1/") or route.name == "api-root" or "GET" not in needed_by(route):
            continue
        content = described[_shape(route.pattern)]["responses"]["200"]["content"]["application/json"]
        values = furnished.values_for(route)
        others = instead.get(route.name.partition("-")[0], []) if "(?P<pk>" in route.pattern else []
        for path in [route.path(values), *(route.path({**values, "pk": record.pk}) for record in others)]:
            answer = client.get(path + QUERIES.get(route.name, ""))
            if path.endswith("/result/") and answer.status_code == 409:  # of a forecast that failed
                continue
            if path.endswith("/provenance/") and answer.status_code == 404:  # of a version that estimated nothing
                continue
            tried += 1
            assert (path, answer.status_code) == (path, 200)
            try:
                validate(answer.json(), content["schema"], schema)
            except jsonschema.ValidationError as differs:
                wrong[path] = f"{differs.json_path}: {differs.message[:200]}"
    assert wrong == {}
    assert tried > 25
