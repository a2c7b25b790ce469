"""What all operations share, in the words of the OpenAPI schema: how callers prove who they are, and refusals."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class BasicScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "access.authentication.Basic"
    name = "basic"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "basic"}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "access.authentication.Bearer"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of /api/v1/tokens/, for a device or script.",
        }


ERROR = {
    "type": "object",
    "description": "A refusal under /api/.",
    "properties": {
        "error": {
            "type": "object",
            "description": "What was refused.",
            "properties": {
                "code": {"type": "string", "description": "For programs."},
                "message": {"type": "string", "description": "What was refused and why."},
                "hint": {"type": "string", "description": "What to do; may be empty."},
                "fields": {"type": "object", "description": "By field of the request, where the fault lies in some."},
            },
            "required": ["code", "message", "hint"],
        }
    },
    "required": ["error"],
}
DETAIL = {
    "type": "object",
    "description": "A refusal at a seed path: a sentence, a list of rejected records, or complaints by field.",
    "properties": {"detail": {"type": ["string", "array", "object"]}},
    "required": ["detail"],
}

COMPLAINTS = {
    "type": "object",
    "description": "A refusal at an energy manager's seed path: complaints by field, or a sentence as `detail`.",
    "additionalProperties": True,
}


def describe_refusals(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: every operation answers what it refuses in one of three shapes (rovi_site.api)."""
    result["components"]["schemas"] |= {"Error": ERROR, "Detail": DETAIL, "Complaints": COMPLAINTS}
    for path, operations in result["paths"].items():
        by_place = "Error" if path.startswith("/api/") else "Complaints" if path.startswith("/fleet/") else "Detail"
        shape = {"$ref": f"#/components/schemas/{by_place}"}
        refusal = {"description": "Refused, or failed.", "content": {"application/json": {"schema": shape}}}
        for operation in operations.values():
            operation["responses"]["default"] = refusal
    return result


def let_any_json_be_null(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Another hook: `oneOf` null and anything is not true of null, which is both; of a JSONField both are meant."""
    for shape in result["components"]["schemas"].values():
        for field in shape.get("properties", {}).values():
            if {} in field.get("oneOf", ()):
                field["anyOf"] = field.pop("oneOf")
    return result
