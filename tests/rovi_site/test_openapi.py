"""The API's description: complete, valid, and true of what is answered."""

import json
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


def test_every_operation_has_a_short_title_and_every_name_in_it_a_meaning(schema):
    titles = {operation["summary"]: (path, method) for path, method, operation in operations(schema)}
    assert {where for title, where in titles.items() if not 3 < len(title) < 130} == set()
    nameless = [
        (path, method, parameter["name"])
        for path, method, operation in operations(schema)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]
    assert nameless == []


def answered(schema):
    """Shapes that answers are made of, by name."""
    found, waiting = {}, [json.dumps([operation["responses"] for *_, operation in operations(schema)])]
    while waiting:
        for name in re.findall(r'"#/components/schemas/(\w+)"', waiting.pop()):
            if name not in found:
                found[name] = schema["components"]["schemas"][name]
                waiting.append(json.dumps(found[name]))
    return found


def test_every_property_of_an_answer_says_what_it_is(schema):
    shapes = answered(schema)
    assert len(shapes) > 40
    assert [
        (name, field)
        for name, shape in shapes.items()
        for field, told in shape.get("properties", {}).items()
        if not told.get("description")
    ] == []


UNIT = re.compile(r"(?:^|[\s(,/])(s|A|Ah|Wh|W|V|Ω|ohm|°C|1/h)(?=[\s.,;:)]|$)")
UNIT_IN_NAME = {"_s": "s", "_seconds": "s", "_ah": "Ah", "_wh": "Wh", "_ohm": "Ω"}
# Names that say one thing in several shapes, and why they are not told apart by name.
SAID_IN_SEVERAL_SHAPES = {
    "changes": "what became different: of an audit entry by field, of an asset how often",
    "columns": "by name: of a battery their kinds and units, of an import what they are called in its file",
    "data": "a series, of what its neighbours say",
    "error": "a sentence; of a refusal with its code and hint",
    "files": "what came with a script: of an estimator or of a forecaster",
    "finished": "when a job ended; of a battery, which nobody ends by accident, whether it has",
    "forecaster": "which one: its id, and in scores, where built-in kinds stand beside it, its name and version",
    "id": "a number; of tokens, which are known by their first characters, a text",
    "parameters": "of a cell and its filter",
    "progress": "how far: 0 to 1, or of an estimator, which never ends, at which row",
    "result": "what came out: of a forecast columns, of a job whatever it found",
    "results": "the records of a page",
    "warnings": "what to think of: sentences, and of rows their index and code",
    "scores": "how forecasts did, by model or of each",
    "total": "all together: of forecasts how many, of energy how much",
    "skipped": "rows that were not taken: each, or of many their number",
    "state": "how it stands: a word, and of a battery with its sentence",
}


def test_no_name_of_an_answer_means_two_things(schema):
    shapes, units = {}, {}
    for shape in answered(schema).values():
        for field, told in shape.get("properties", {}).items():
            shapes.setdefault(field, set()).add(_told_shape(told, schema))
            unit = next((unit for end, unit in UNIT_IN_NAME.items() if field.endswith(end)), None)
            found = UNIT.search(told.get("description", ""))
            units.setdefault(field, set()).update([unit] if unit else found.groups() if found else [])
    assert {field for field, found in shapes.items() if len(found) > 1} == set(SAID_IN_SEVERAL_SHAPES)
    assert {field: found for field, found in units.items() if len(found) > 1} == {}
    assert {units[field].pop() for field in ("test_time", "charge_ah", "ohm", "highest_voltage")} == {
        "s",
        "Ah",
        "Ω",
        "V",
    }


def _told_shape(told, schema):
    """Type of a property, whether or not it may be null."""
    if "$ref" in told:
        name = told["$ref"].rpartition("/")[2]
        shape = schema["components"]["schemas"][name]
        return _told_shape(shape, schema) if "enum" in shape else name
    for several in ("oneOf", "anyOf", "allOf"):
        if several in told:
            return "|".join(sorted({_told_shape(each, schema) for each in told[several]} - {"null", "NullEnum"}))
    kinds = told.get("type", "anything")
    kind = "|".join(sorted(set(kinds) - {"null"})) if isinstance(kinds, list) else kinds
    if "enum" in told and kind == "anything":
        return "null" if told["enum"] == [None] else "string"
    if kind == "array":
        return f"array of {_told_shape(told['items'], schema)}"
    return f"{kind} {told['format']}" if told.get("format") == "date-time" else kind


def test_every_refusal_has_a_status_and_its_shape(schema):
    """Under /api/; at seed paths the default tells the shape of all."""
    for path, method, operation in operations(schema):
        refusals = {status: told for status, told in operation["responses"].items() if status[0] in "45"}
        if path.startswith("/api/"):
            assert {"401", "403", "429"} <= set(refusals), (method, path)
            assert ("404" in refusals) == ("{" in path), (method, path)
        for status, told in refusals.items():
            shape = _resolved(told, schema).get("content", {}).get("application/json", {}).get("schema", {})
            is_told = shape in ({"$ref": "#/components/schemas/Error"}, {"$ref": "#/components/schemas/Detail"})
            assert is_told or not path.startswith("/api/"), (method, path, status)


def _resolved(told, schema):
    return schema["components"]["responses"][told["$ref"].rpartition("/")[2]] if "$ref" in told else told


# Lists that nobody pages through: what they hold does not grow with the fleet or its rows.
SHORT_LISTS = {
    "/api/v1/presets/", "/api/v1/estimators/{id}/results/", "/api/v1/forecasters/scores/",
    "/api/v1/forecasts/{id}/scores/",
    # Of one quarter of an hour:
    "/api/v1/energy/assets/{id}/sources/",
    "/api/v1/energy/assets/{id}/scores/",
    "/api/v1/fleet-forecasts/{id}/batteries/",  # a table to be read as one, made by one job of a bounded size
}  # fmt: skip


def test_every_list_is_read_in_pages_and_sorted_and_filtered_alike(schema):
    lists = {}
    for path, method, operation in operations(schema):
        answer = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
        shape = schema["components"]["schemas"].get(answer.get("$ref", "").rpartition("/")[2], answer)
        if method == "GET" and path.startswith("/api/") and (shape.get("type") == "array" or "results" in str(shape)):
            lists[path] = {parameter["name"] for parameter in operation.get("parameters", ())}
    paged = {path for path, names in lists.items() if {"page", "page_size", "ordering", "fields"} <= names}
    windows = {path for path, names in lists.items() if "limit" in names and names & {"after", "start"}}
    assert len(paged) >= 13
    assert set(lists) - paged - windows == SHORT_LISTS


def test_every_operation_of_a_record_is_conditional_and_every_post_has_its_key(schema):
    for path, method, operation in operations(schema):
        if not path.startswith("/api/"):
            continue
        names = {parameter["name"] for parameter in operation.get("parameters", ())}
        assert ("Idempotency-Key" in names) == (method == "POST")
        assert ("If-None-Match" in names) == (method == "GET")
        if "202" in operation["responses"]:
            assert {"Location", "Retry-After"} <= set(operation["responses"]["202"]["headers"])


EXAMPLES_TO_COME = {
    "/api/v1/energy/assets/{id}/scores/", "/api/v1/energy/forecasts/", "/api/v1/energy/forecasts/{id}/",
}  # fmt: skip


def test_examples_are_true_of_the_schema_and_there_for_every_operation(schema):
    wrong, without = {}, set()
    for path, method, operation in operations(schema):
        asked = operation.get("requestBody", {}).get("content", {})
        pieces = {"request": asked.get("application/json", {})}
        for status, answer in operation["responses"].items():
            if status[0] == "2" and "application/json" in answer.get("content", {}):
                pieces[status] = answer["content"]["application/json"]
        for name, piece in pieces.items():
            if piece and "example" not in piece:
                without.add((method, path, name))
            elif piece:
                try:
                    validate(piece["example"], piece["schema"], schema)
                except jsonschema.ValidationError as differs:
                    wrong[method, path, name] = f"{differs.json_path}: {differs.message[:200]}"
    assert wrong == {}
    assert {path for _, path, _ in without} <= EXAMPLES_TO_COME


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
        content = described[_shape(route.pattern)]["responses"]["200"]["content"].get("application/json")
        if content is None:  # a stream of events
            continue
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
