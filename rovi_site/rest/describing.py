"""Hooks of drf-spectacular: what every operation has in common, said once, and in the words of one glossary."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from rovi_site.rest.glossary import COMPARED, MEANINGS, QUERY

EXAMPLES = Path(__file__).with_name("examples.json")
METHODS = ("get", "post", "patch", "delete")

REFUSALS = {
    "400": "What was sent cannot be read or taken; `fields` says which part of it.",
    "401": "Nobody has said who is asking, or the token or password is wrong.",
    "403": "The caller's role does not allow it.",
    "404": "There is no such record.",
    "406": "Nothing can be answered in the format that was asked for.",
    "409": "It does not go with what is there or under way; or a request with this Idempotency-Key is being worked on.",
    "412": "The record has changed since it was read with the ETag in If-Match. Nothing was done.",
    "413": "More was sent than is taken at once.",
    "415": "The content type of what was sent is not read here.",
    "422": "It can be read and makes no sense; or the Idempotency-Key came with another request before.",
    "429": "Too much was asked for; `Retry-After` says when to come back.",
    "503": "There is no room just now; `Retry-After` says when to come back.",
}
KEY = {
    "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 200},
    "description": "Of your choice, new for each request, such as a UUID. Sent again with the same request within "
    "24 h, it is answered as before (`Idempotency-Replayed: true`) and nothing is done twice.",
}  # fmt: skip
IF_NONE_MATCH = {
    "name": "If-None-Match", "in": "header", "schema": {"type": "string"},
    "description": "An ETag read before: 304 without a body where nothing has changed.",
}  # fmt: skip
IF_MATCH = {
    "name": "If-Match", "in": "header", "schema": {"type": "string"},
    "description": "The record's ETag as you read it: 412 where people have changed it since.",
}  # fmt: skip
FIELDS = {
    "name": "fields", "in": "query", "schema": {"type": "string"},
    "description": "Names of fields, separated by commas: only these are answered.",
}  # fmt: skip
ETAG = {"schema": {"type": "string"}, "description": "Of what is answered, for If-None-Match and If-Match."}
LOCATION = {"schema": {"type": "string"}, "description": "Address of what was made, or of the job to follow."}
RETRY_AFTER = {"schema": {"type": "integer"}, "description": "Seconds to wait before looking at the job."}
NOT_MODIFIED = {"description": "Nothing has changed since the ETag in If-None-Match."}


def describe_names(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Properties and parameters without words of their own get those of the glossary."""
    for shape in result["components"]["schemas"].values():
        for name, field in shape.get("properties", {}).items():
            if not field.get("description") and name in MEANINGS:
                field["description"] = MEANINGS[name]
    for _path, _method, operation in _operations(result):
        for parameter in operation.get("parameters", ()):
            parameter["description"] = _meaning_of(parameter) or parameter.get("description", "")
    return result


def _meaning_of(parameter: dict[str, Any]) -> str:
    told: str = parameter.get("description", "")
    name: str = parameter["name"]
    if parameter["in"] == "path" and (not told or told.startswith("A unique")):
        return "Name of the battery." if name == "name" else "Of the record, as its list tells it."
    if name in QUERY and (not told or name in ("page", "page_size", "search", "ordering")):
        return QUERY[name]
    if told:
        return told
    field, _, comparison = name.rpartition("__")
    if comparison in COMPARED:
        return COMPARED[comparison].format(field)
    return f"Only those with this {name.replace('__', ' of the ').replace('_', ' ')}."


def describe_conditions(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Summaries, headers, refusals by status, and examples of the operations under /api/."""
    result["components"]["responses"] = {
        status: {"description": meaning, "content": _as_json("Error")} for status, meaning in REFUSALS.items()
    }
    for path, method, operation in _operations(result):
        operation["summary"] = _summary_of(path, method, operation)
        _show_examples(path, method, operation)
        if not path.startswith("/api/"):
            continue
        for parameter in _common_parameters(path, method, operation):
            operation.setdefault("parameters", []).append(parameter)
        answers = operation["responses"]
        for status, answer in list(answers.items()):
            if status == "200" and method in ("get", "patch") and "application/json" in answer.get("content", {}):
                answer.setdefault("headers", {})["ETag"] = ETAG
            if status in ("201", "202"):
                answer.setdefault("headers", {})["Location"] = LOCATION
            if status == "202":
                answer["headers"]["Retry-After"] = RETRY_AFTER
        if method == "get":
            answers["304"] = NOT_MODIFIED
        for status in _refusals_of(path, method, operation):
            answers.setdefault(status, {"$ref": f"#/components/responses/{status}"})
    return result


def _operations(result: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in result["paths"].items():
        for method in METHODS:
            if method in operations:
                yield path, method, operations[method]


def _is_of_a_record(path: str) -> bool:
    return path.endswith("}/")


def _is_paged(operation: dict[str, Any]) -> bool:
    return any(parameter["name"] == "page" for parameter in operation.get("parameters", ()))


def _common_parameters(path: str, method: str, operation: dict[str, Any]) -> list[dict[str, Any]]:
    if method == "post":
        return [KEY]
    if method in ("patch", "delete"):
        return [IF_MATCH] if _is_of_a_record(path) else []
    return [FIELDS, IF_NONE_MATCH] if _is_of_a_record(path) or _is_paged(operation) else [IF_NONE_MATCH]


def _refusals_of(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    found = ["401", "403", "429"]
    if operation.get("parameters"):
        found.append("400")
    if "{" in path:
        found.append("404")
    if method == "get":
        found.append("406")
    if method in ("post", "patch"):
        found += ["409", "413", "415", "422"]
    if method == "delete":
        found.append("409")
    if method in ("patch", "delete") and _is_of_a_record(path):
        found.append("412")
    if path.endswith("/events/"):
        found.append("503")
    return sorted(found)


def _summary_of(path: str, method: str, operation: dict[str, Any]) -> str:
    """The first sentence of an operation's own description; of records, whose are described alike, what is read."""
    if method == "get" and path.startswith("/api/") and (_is_of_a_record(path) or _is_paged(operation)):
        many = path.removeprefix("/api/v1/").partition("/{")[0].strip("/").replace("-", " ").replace("/", ", ")
        return f"One of the {many}" if _is_of_a_record(path) else f"The {many}"
    first = re.split(r"(?<=[.;:])\s", operation.get("description", "").strip(), maxsplit=1)[0]
    return first.rstrip(".;:")


def _as_json(shape: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{shape}"}}}


def _show_examples(path: str, method: str, operation: dict[str, Any]) -> None:
    told = examples().get(f"{method.upper()} {path}", {})
    for status, answer in operation["responses"].items():
        if status in told:
            answer["content"]["application/json"]["example"] = told[status]
    content = operation.get("requestBody", {}).get("content", {})
    if "request" in told:
        for kind in content.values():
            kind["example"] = told["request"]


@cache
def examples() -> dict[str, dict[str, Any]]:
    """By method and path: a `request`, and answers by status, as they were made once by a service with few records."""
    found: dict[str, dict[str, Any]] = json.loads(EXAMPLES.read_text())
    return found
