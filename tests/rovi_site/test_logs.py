import io
import json
import logging

import pytest
from django.test import Client

from rovi_site.observing.logs import Json, Line, WithRequestId
from rovi_site.observing.requests import request_id


def written(formatter, log_something) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    handler.addFilter(WithRequestId())
    logger = logging.getLogger("tests.logs")
    logger.addHandler(handler)
    try:
        log_something(logger)
    finally:
        logger.removeHandler(handler)
    return stream.getvalue()


def fail(logger):
    try:
        raise ValueError("no\nsuch thing")
    except ValueError:
        logger.exception("It failed for %s.", "evil\n2026-01-01 00:00:00 INFO forged: record")


@pytest.fixture
def of_a_request():
    token = request_id.set("abc-1")
    yield
    request_id.reset(token)


def test_a_record_is_one_line_whatever_it_holds(of_a_request):
    line = written(Line(), fail)

    assert line.count("\n") == 1
    assert "ERROR tests.logs: It failed for evil | 2026-01-01" in line
    assert "ValueError: no | such thing" in line
    assert line.endswith("[abc-1]\n")


def test_json_carries_the_request_and_the_traceback(of_a_request):
    record = json.loads(written(Json(), fail))

    assert record["level"] == "ERROR"
    assert record["logger"] == "tests.logs"
    assert record["request_id"] == "abc-1"
    assert record["message"].startswith("It failed for evil\n")
    assert "ValueError" in record["exc_info"]
    assert {"time", "process", "thread"} <= record.keys()


@pytest.mark.parametrize("given", ["7f-Proxy_1.x", "a" * 64])
def test_the_proxys_id_is_kept(given):
    assert Client().get("/healthz/live", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a b", "a" * 65, "a\tb", "é"])
def test_another_text_is_no_id(given):
    answer = Client().get("/healthz/live", headers={"X-Request-ID": given})

    assert len(answer.headers["X-Request-ID"]) == 32
