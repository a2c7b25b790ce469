"""The whole way over real processes: rows in, health estimated, a forecast out, web server and worker being two."""

import base64
import json
import time
import urllib.request
import uuid

import pytest

from tests.servers import Server

pytestmark = pytest.mark.slow

QUERY = "SELECT test_time, soc, q_t__base_values FROM $TABLE_NAME$ ORDER BY test_time DESC LIMIT 50"
SCRIPT = """\
weight = float(open('weight.txt').read())

def forecast(past_estimates, load):
    assert past_estimates['test_time'].is_monotonic_increasing and len(past_estimates) == 50
    return load.assign(q_t__base_values=past_estimates['q_t__base_values'].iloc[-1] * weight)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("served")) as running:
        yield running


def post(server, path, body, content_type="application/json"):
    login = base64.b64encode(f"admin:{server.password}".encode()).decode()
    request = urllib.request.Request(
        server.url + path,
        data=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={"Authorization": f"Basic {login}", "Content-Type": content_type},
    )
    with urllib.request.urlopen(request, timeout=240) as answer:
        return json.load(answer)


def multipart(fields, name, content):
    mark = uuid.uuid4().hex
    parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{fields[key]}\r\n' for key in fields]
    parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n{content}\r\n')
    return "".join([*parts, f"--{mark}--\r\n"]).encode(), f"multipart/form-data; boundary={mark}"


def test_a_forecast_is_registered_and_run_over_http_while_its_worker_is_another_process(server):
    rows = [
        {"test_time": 10.0 * n, "current": 1.0 if n % 20 < 10 else -1.0, "voltage": 3.3, "temperature": 25.0}
        for n in range(200)
    ]
    assert post(server, "/db/upload/module%207/%CE%B1", rows) == 200
    post(server, "/api/v1/estimators/", {"battery": "module 7/α", "kind": "joint_ukf", "preset": "lfp"})
    fields = {"name": "module 7/α", "definition": SCRIPT, "sql_query": QUERY}
    assert "version=1" in post(server, "/prognosis/register", *multipart(fields, "weight.txt", "0.5"))
    until = time.monotonic() + 240
    while server.get("/online/status")[1]["module 7/α"].get("latest_time") != 1990.0 and time.monotonic() < until:
        time.sleep(0.2)

    status, answer = server.get("/prognosis/module%207/%CE%B1/run?ahead_time=3&current=-1.5")

    assert status == 200, answer
    capacity = server.get("/online/status")[1]["module 7/α"]
    newest = capacity["mean"][capacity["state_names"].index("q_t.base_values")]
    assert answer == {
        "test_time": [0, 1, 2],
        "current": [-1.5, -1.5, -1.5],
        "battery_time": [1990, 1991, 1992],
        "q_t__base_values": [newest * 0.5] * 3,
    }
