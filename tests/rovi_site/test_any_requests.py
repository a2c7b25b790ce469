"""Requests that nobody would send, made up from the OpenAPI schema: answered as it says, never by 500."""

import pytest
import requests
import schemathesis
from django.db import transaction
from django.test import Client
from hypothesis import strategies as st
from schemathesis import Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.generated import for_each, numbers_of_examples
from tests.rovi_site.routes import all_routes
from tests.rovi_site.test_openapi import _shape

pytestmark = pytest.mark.postgres  # it stores no NUL, and says so by an error

ROLES = (None, "nobody", "viewer", "operator", "engineer", "administrator")
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
SITE = "http://testserver"


@pytest.fixture(scope="module")
def operations():
    from drf_spectacular.generators import SchemaGenerator

    schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(public=True))
    return [found.ok() for found in schema.get_all_operations()]


@pytest.fixture
def clients(session):
    found = {role: session(role) for role in ROLES}
    for client in found.values():
        client.raise_request_exception = False
    return found


def answered(client: Client, case) -> Response:
    """What the site answers to a case, in the words that schemathesis judges; nothing of it is kept."""
    asked = requests.Request(**case.as_transport_kwargs(base_url=SITE)).prepare()
    headers = {name: value for name, value in asked.headers.items() if name.lower() not in ("cookie", "content-length")}
    content_type = headers.pop("Content-Type", "") or "application/octet-stream"
    body = asked.body if asked.body is not None else b""
    with transaction.atomic():
        answer = client.generic(
            asked.method, asked.url.removeprefix(SITE), body, content_type=content_type, headers=_storable(headers)
        )
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        transaction.set_rollback(True)
    headers = {name: [value] for name, value in answer.headers.items()}
    return Response(
        answer.status_code, headers, content, asked, elapsed=0.0, verify=False, message=answer.reason_phrase
    )


def _storable(headers):
    return {name: value.decode("latin-1") if isinstance(value, bytes) else value for name, value in headers.items()}


@numbers_of_examples(short=3, long=150)
def test_every_operation_answers_as_its_schema_says(examples, operations, furnished, clients):
    routes = {_shape(route.pattern): route for route in all_routes()}
    tried, wrong = set(), {}
    for operation in operations:
        values = furnished.values_for(routes[_shape(operation.path)])

        def check(drawn, values=values):
            case, role, is_real = drawn
            for name in case.path_parameters or {}:
                if is_real:
                    case.path_parameters[name] = values.get(name) or values["pk"]
            told = answered(clients[role], case)
            case.validate_response(told, checks=CHECKS)
            tried.add((case.operation.label, told.status_code // 100))

        strategy = st.one_of(
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE),
        )
        callers = st.sampled_from((*ROLES, "administrator", "administrator"))
        try:
            for_each(examples, st.tuples(strategy, callers, st.booleans()), check)
        except (FailureGroup, AssertionError, ExceptionGroup) as failed:  # go on, and tell of all together
            wrong[operation.label] = str(failed)
    assert not wrong, "\n\n".join(f"{label}:\n{why}" for label, why in wrong.items())
    assert len({label for label, _ in tried}) == len(operations)
