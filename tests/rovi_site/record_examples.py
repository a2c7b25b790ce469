"""Records the examples of the API's description: what a service with a few records in it answers.

    python -m pytest tests/rovi_site/record_examples.py

writes them anew. They are looked at before they are committed; tests/rovi_site/test_openapi.py holds them to the
schema.
"""

import json
import re

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from rovi_site.rest.describing import EXAMPLES, examples
from tests.rovi_site.routes import all_routes
from tests.rovi_site.test_openapi import QUERIES, _shape, operations

MOST_ITEMS = 3
YEAR = 365.25 * 86400.0
READINGS = {
    "spaceship_id": 42, "units": "kWh",
    "data": [{"datetime": "2018-08-24T00:00:00Z", "value": 4.0}, {"datetime": "2018-08-24T01:00:00Z", "value": 4.0}],
}  # fmt: skip
REQUESTS = {
    "POST /api/v1/batteries/": {
        "name": "cell 7", "description": "On bench 4 since May", "metadata": {"battery": {"nominal_capacity": 2.5}},
    },
    "PATCH /api/v1/batteries/{id}/": {"description": "On bench 5", "finished": True},
    "POST /api/v1/batteries/{id}/rows/": [{"test_time": 600.0, "current": -0.5, "voltage": 3.61}],
    "POST /api/v1/batteries/{id}/truth/": [
        {"test_time": 600.0, "true_soc": 0.5, "true_capacity": 2.4, "true_r0": 0.031}
    ],
    "POST /api/v1/imports/{id}/begin/": {"columns": {"I / mA": {"name": "current", "conversion": "reverse_milli"}}},
    "POST /api/v1/estimators/": {"battery": "cell 3", "kind": "joint_ukf", "preset": "nmc"},
    "POST /api/v1/marks/": {"battery": "cell 3", "test_time": 60.0, "text": "Temperature sensor replaced"},
    "POST /api/v1/estimators/{id}/recompute/": {"from_time": 60.0},
    "POST /api/v1/estimators/{id}/follow/": {"promote_when_caught_up": True},
    "POST /api/v1/parameter-sets/fit/": {"battery": "cell 3", "title": "as new", "preset": "nmc", "capacity_ah": 2.5},
    "POST /api/v1/forecasters/": {"name": "ageing of cell 3", "kind": "ageing", "batteries": ["cell 3"]},
    "POST /api/v1/forecasts/": {"battery": "cell 3", "kind": "trend", "ahead_time": YEAR, "resolution": YEAR / 12},
    "POST /api/v1/fleet-forecasts/": {"title": "A year", "search": "cell", "kind": "trend", "ahead_time": YEAR},
    "POST /api/v1/comparisons/": {
        "title": "Slower charging", "battery": "cell 3",
        "loads": [
            {"label": "as now", "ahead_time": YEAR, "current": 0.0},
            {"label": "warmer", "ahead_time": YEAR, "current": 0.0, "temperature": 35.0},
        ],
    },
    "POST /api/v1/tokens/": {"name": "bench 4", "battery_name": "cell 3"},
    "POST /api/v1/energy/assets/": {"number": 43, "name": "Depot", "kind": "ship", "price": 0.3, "currency": "EUR"},
    "PATCH /api/v1/energy/assets/{id}/": {"name": "Depot north"},
    "POST /api/v1/energy/readings/": READINGS,
    "POST /fleet/data": READINGS,
    "POST /db/register": {"name": "cell 8", "battery": {"nominal_capacity": 2.5}},
    "POST /db/upload/{name}": [{"test_time": 700.0, "current": -0.5, "voltage": 3.6}],
    "POST /online/register": {"name": "cell 3", "definition": "estimator = None  # see the guide to estimators"},
    "POST /prognosis/register": {
        "name": "cell 3", "definition": "forecaster = None  # see the guide to forecasters",
        "sql_query": "SELECT test_time, q_t__base_values FROM $TABLE_NAME$",
    },
    "POST /prognosis/run": {"battery": "cell 3", "ahead_time": 7200.0},
    "POST /prognosis/{name}/run": {"battery": "cell 3", "ahead_time": 7200.0},
}  # fmt: skip

# What cannot be asked of these records is answered as its sibling.
ANSWERED_LIKE = {
    "GET /fleet/data": "GET /api/v1/energy/quarters/",
    "GET /fleet/forecast": "GET /api/v1/energy/forecast/",
    "POST /api/v1/imports/{id}/undo/": "GET /api/v1/imports/{id}/",
    "POST /api/v1/estimators/{id}/retry/": "POST /api/v1/estimators/{id}/promote/",
    "POST /api/v1/estimators/{id}/roll-back/": "POST /api/v1/estimators/{id}/promote/",
    "POST /api/v1/jobs/{id}/cancel/": "GET /api/v1/jobs/{id}/",
    "POST /api/v1/estimators/{id}/recompute/": "POST /api/v1/estimators/{id}/promote/",
    "POST /api/v1/workers/{id}/drain/": "GET /api/v1/workers/{id}/",
    "DELETE /api/v1/estimators/{id}/results/": "GET /api/v1/estimators/{id}/results/",
    "GET /prognosis/run": "GET /api/v1/forecasts/{id}/result/",
    "GET /prognosis/{name}/run": "GET /api/v1/forecasts/{id}/result/",
    "POST /prognosis/run": "GET /api/v1/forecasts/{id}/result/",
    "POST /prognosis/{name}/run": "GET /api/v1/forecasts/{id}/result/",
}


def test_record_examples(furnished, session):
    from drf_spectacular.generators import SchemaGenerator

    examples.cache_clear()
    schema = SchemaGenerator().get_schema(public=True)
    routes = {_shape(route.pattern): route for route in all_routes()}
    client, found, refused = session("administrator"), {}, {}
    client.raise_request_exception = False
    for path, method, operation in operations(schema):
        key = f"{method} {path}"
        route = routes[_shape(path)]
        with transaction.atomic():
            answer = _asked(
                client, method, route.path(furnished.values_for(route)) + QUERIES.get(route.name, ""), key, operation
            )
            transaction.set_rollback(True)
        told = {"request": REQUESTS[key]} if key in REQUESTS else {}
        if answer.status_code >= 300:
            refused[key] = (answer.status_code, answer.content[:200])
        elif answer.get("Content-Type", "").startswith("application/json") and answer.content:
            told[str(answer.status_code)] = _shortened(answer.json())
        found[key] = told
    for key, sibling in ANSWERED_LIKE.items():
        found[key]["200"] = found[sibling]["200"]
    for path in ("estimators/{id}/recompute", "workers/{id}/drain"):
        found[f"POST /api/v1/{path}/"]["202"] = found[f"POST /api/v1/{path}/"].pop("200")
    found["POST /api/v1/imports/{id}/begin/"]["202"] = found["POST /api/v1/imports/"]["202"]
    EXAMPLES.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps({key: str(value) for key, value in refused.items()}, indent=1))


def _asked(client, method, path, key, operation):
    if path.endswith("/events/"):
        return client.head(path)
    if "multipart/form-data" in operation.get("requestBody", {}).get("content", {}) and key not in REQUESTS:
        return client.post(path, {"file": SimpleUploadedFile("cell.csv", b"test_time,voltage\n0,3.7\n")})
    return client.generic(method, path, json.dumps(REQUESTS.get(key, {})), content_type="application/json")


def _shortened(value):
    if isinstance(value, dict):
        return {name: _shortened(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_shortened(part) for part in value[:MOST_ITEMS]]
    return re.sub(r"^[0-9a-f]{64}$", "0" * 64, value) if isinstance(value, str) else value
