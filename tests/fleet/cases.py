"""Requests with the quarters that must come of them, as the rules give them by hand; and the seed's three examples."""

import json
from pathlib import Path

CASES = json.loads((Path(__file__).parent.parent / "data" / "energy15_cases.json").read_text())


def named(start):
    return next(case for case in CASES if case["name"].startswith(start))


def body_of(request, number=1):
    body = {"spaceship_id": number, "units": request["units"], "data": request["data"]}
    if request["interval_seconds"] is not None:
        body["interval"] = request["interval_seconds"]
    return body


def rows(*pairs, day="2018-08-24"):
    """`rows(("00:00", 3), …)`."""
    return [{"datetime": f"{day}T{time}:00Z", "value": value} for time, value in pairs]
