"""The examples of README and docs do what they say: taken from the text, run against a real server, in one order."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.walls import DEFAULT_WALLS, probe_walls
from tests.servers import PROJECT, Server

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the examples use curl, which is not here")
FAILING_CURL = 'curl() { command curl --fail-with-body --silent --show-error "$@"; }\n'
ESTIMATOR, FORECASTER = "docs/how-to/write-an-estimator.md", "docs/how-to/write-a-forecaster.md"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("docs") / "data") as running:
        yield running


@pytest.fixture
def scripts_run():
    missing = probe_walls().missing(DEFAULT_WALLS)
    if missing:
        pytest.skip(f"scripts are refused on this machine: no {', '.join(missing)}")


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page, without the indentation of a list that they stand in."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", (PROJECT / page).read_text(), re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def run_python(code: str, server: Server) -> None:
    code = code.replace("admin:PASSWORD@127.0.0.1:8000", f"admin:{server.password}@127.0.0.1:{server.port}")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240)


def run_shell(command: str, server: Server, folder: Path) -> str:
    variables = {**os.environ, "PASSWORD": server.password, "ROVI": server.url, "no_proxy": "127.0.0.1"}
    ended = subprocess.run(
        ["bash", "-euc", FAILING_CURL + command],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    return ended.stdout


def status_of(server: Server, battery: str, is_reached) -> dict:
    """The battery's entry of /online/status once it is as it should be."""
    end = time.monotonic() + 240
    while True:
        found = server.get("/online/status")[1].get(battery, {})
        if is_reached(found) or time.monotonic() > end:
            return found
        time.sleep(0.2)


def test_readme_sends_a_thousand_rows_and_a_second_run_sends_none_twice(server):
    (example,) = blocks("README.md", "python")
    assert len([line for line in example.splitlines() if line]) <= 10

    for _ in range(2):
        run_python(example, server)
        assert server.get("/db/stats")[1]["my-cell"]["data_stats"]["rows"] == 1000


def test_the_protocol_page_resumes_and_posts(server, tmp_path):
    (resumes,) = blocks("docs/wire-protocol.md", "python")
    (post,) = blocks("docs/wire-protocol.md", "sh")

    for _ in range(2):
        run_python(resumes, server)
        assert server.get("/db/stats")[1]["resumes"]["data_stats"]["rows"] == 2000
    assert run_shell(post, server, tmp_path) == "1"


def test_the_example_estimator_follows_the_cell_of_the_readme(server, scripts_run, tmp_path):
    script, pair = blocks(ESTIMATOR, "python")
    register, ask = blocks(ESTIMATOR, "sh")
    run_python(*blocks("README.md", "python"), server)
    (tmp_path / "estimator.py").write_text(script)

    run_shell(register, server, tmp_path)
    found = status_of(server, "my-cell", lambda it: it.get("state") == "failed" or it.get("rows_behind") == 0)

    assert (found["state"], found["last_error"]) == ("ready", "")
    assert found["state_names"] == ["soc"]
    assert found["latest_time"] == 9990.0
    assert 0.3 < found["mean"][0] < 0.7  # 0.9 less 9,990 s of 0.5 A out of 2.5 Ah is 0.34; the voltage says 0.52
    assert '"my-cell"' in run_shell(ask, server, tmp_path)

    (tmp_path / "estimator.py").write_text(script.replace("estimator = ", "nothing = ") + pair)
    run_shell(register, server, tmp_path)
    found = status_of(server, "my-cell", lambda it: it.get("version") == 2 and it.get("rows_behind") == 0)
    assert (found["state"], found["version"]) == ("ready", 2)


def test_a_version_is_promoted_rolled_back_and_told_of(server, tmp_path):
    run_python(*blocks("README.md", "python"), server)
    built_in = '{"battery": "my-cell", "kind": "joint_ukf", "preset": "lfp"}'
    first = f"curl -u admin:$PASSWORD -H 'Content-Type: application/json' -d '{built_in}' $ROVI/api/v1/estimators/"
    version = json.loads(run_shell(first, server, tmp_path))["version"]
    status_of(server, "my-cell", lambda it: it.get("version") == version and it.get("rows_behind") == 0)
    register, change, delete, ask = blocks("docs/how-to/promote-a-version.md", "sh")
    second = json.loads(run_shell(register, server, tmp_path))
    assert (second["version"], second["is_current"], second["followed"]) == (version + 1, False, True)
    follow = f"{change}\ncurl -u admin:$PASSWORD -X POST $ROVI/api/v1/estimators/$ID/follow/\n"
    assert "rolled back from" in run_shell(follow, server, tmp_path)
    until = time.monotonic() + 240
    while server.get(f"/api/v1/estimators/{second['id']}/")[1]["rows_behind"] and time.monotonic() < until:
        time.sleep(0.2)
    identified = change.splitlines()[0]
    assert '"parameters"' in run_shell(f"{identified}\n{ask}", server, tmp_path)
    assert '"estimates"' in run_shell(f"{identified}\n{delete}", server, tmp_path)


def test_what_is_measured_is_told_over_rest(server, tmp_path):
    run_python(*blocks("README.md", "python"), server)
    (ask,) = blocks("docs/explanation/measurements.md", "sh")
    answers = run_shell(ask, server, tmp_path)
    assert '"throughput_ah"' in answers
    assert answers.count('"next_after"') == 2
    assert "place,cycle,start_time" in answers


def test_energy_goes_in_in_any_rhythm_and_comes_out_by_quarter_hour(server, tmp_path):
    send, read, ask, batch = blocks("docs/how-to/account-energy.md", "sh")
    receipt = json.loads(run_shell(send, server, tmp_path))
    assert (receipt["accepted"], receipt["quarters"]) == (3, 6)
    assert receipt["warnings"] == [{"index": 1, "code": "repeated_zone"}]
    quarters, scaled = run_shell(read, server, tmp_path).replace("}{", "}\n{").splitlines()
    assert [each["value"] for each in json.loads(quarters)["data"]] == [168.5, 300, 300, 300, 400]
    assert len(json.loads(scaled)["data"]) == 6
    assert {"spaceship_id": 42, "consumption": 1575.166667} in json.loads(run_shell(ask, server, tmp_path))["ships"]
    assert '"value":45' in run_shell(batch, server, tmp_path)


def test_how_much_is_kept_is_set_over_rest(server, tmp_path):
    (limit,) = blocks("docs/how-to/limit-what-is-kept.md", "sh")
    answer = json.loads(run_shell(limit, server, tmp_path))
    assert (answer["most_rows"], answer["when_full"], answer["keep_days"]) == (1_000_000, "drop", 90.0)


def test_the_example_forecaster_answers_a_band_for_each_hour(server, scripts_run, tmp_path):
    (script,) = blocks(FORECASTER, "python")
    register, run, run_csv = blocks(FORECASTER, "sh")
    run_python(*blocks("README.md", "python"), server)
    built_in = '{"battery": "my-cell", "kind": "joint_ukf", "preset": "nmc"}'
    run_shell(
        f"curl -u admin:$PASSWORD -H 'Content-Type: application/json' -d '{built_in}' $ROVI/api/v1/estimators/",
        server,
        tmp_path,
    )
    status_of(server, "my-cell", lambda it: "q_t.base_values" in it.get("state_names", []) and it["rows_behind"] == 0)
    (tmp_path / "forecaster.py").write_text(script)

    run_shell(register, server, tmp_path)
    end = time.monotonic() + 240
    while server.get("/api/v1/forecasters/?name=my-cell")[1]["results"][0]["state"] not in ("ready", "failed"):
        assert time.monotonic() < end
        time.sleep(0.2)
    day = json.loads(run_shell(run, server, tmp_path))
    assert {name: len(values) for name, values in day.items()} == dict.fromkeys(
        ("test_time", "battery_time", "current", "capacity", "capacity_lower", "capacity_upper"), 24
    )
    assert day["current"] == [-0.2] * 24
    assert day["battery_time"][0] == 9990.0
    profile = json.loads(run_shell(run_csv, server, tmp_path))
    assert profile["current"] == [1.0] * 6 + [-1.0] * 6 + [0.0] * 6


def test_a_fit_of_the_readmes_cell_becomes_an_estimator(server, tmp_path):
    fit, register, fit_file = blocks("docs/how-to/fit-a-cell.md", "sh")
    run_python(*blocks("README.md", "python"), server)

    job = json.loads(run_shell(fit, server, tmp_path))["id"]
    end = time.monotonic() + 240
    while (found := server.get(f"/api/v1/jobs/{job}/")[1])["state"] not in ("done", "failed"):
        assert time.monotonic() < end
        time.sleep(0.2)
    assert (found["state"], found["error"]) == ("done", "")
    made = json.loads(run_shell(f"SET={found['result']['parameter_set']}\n{register}", server, tmp_path))

    assert (made["battery"], made["kind"]) == ("my-cell", "joint_ukf")
    assert server.get("/api/v1/parameter-sets/")[1]["results"][0]["title"] == "my cell, as new"

    (tmp_path / "my-cell.h5").write_text("test_time,current,voltage\n0,0,3.5\n")  # told by its content
    job = json.loads(run_shell(fit_file, server, tmp_path))
    assert job["title"] == "Fit a cell model to my-cell.h5"


def test_loads_are_compared_and_a_fleet_is_forecast_as_the_page_says(server, tmp_path):
    run_python(*blocks("README.md", "python"), server)
    compare, fleet = blocks("docs/how-to/compare-loads.md", "sh")
    answered = json.loads(run_shell(compare, server, tmp_path))
    assert [run["label"] for run in answered["runs"]] == ["today", "slow charger", "cooler"]
    assert json.loads(run_shell(fleet, server, tmp_path))["total"] >= 1
