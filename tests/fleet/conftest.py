import json

import pytest

from tests.fleet.cases import body_of, named


@pytest.fixture
def client(client_as):
    return client_as("operator")


@pytest.fixture
def post(client):
    def send(body, path="/fleet/data", **extra):
        if isinstance(body, bytes | str):
            return client.generic("POST", path, body, content_type="application/json", **extra)
        return client.generic("POST", path, json.dumps(body), content_type="application/json", **extra)

    return send


@pytest.fixture
def stored(client):
    """All quarters of an asset as the seed path answers them."""

    def ask(number=1, start="1970-01-01T00:00:00Z", end="2999-01-01T00:00:00Z", **query):
        answer = client.get("/fleet/data", {"spaceship_id": number, "start": start, "end": end, **query})
        assert answer.status_code == 200, answer.content
        return answer.json()["data"]

    return ask


@pytest.fixture
def seed_examples(post):
    """A01 to A03 as ships 1 to 3."""
    for number, name in ((1, "A01"), (2, "A02"), (3, "A03")):
        for request in named(name)["requests"]:
            assert post(body_of(request, number)).status_code == 201
