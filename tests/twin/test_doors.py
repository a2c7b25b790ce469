"""Every door leads to the same verb: the seed paths, REST, the admin."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from datahub.ingest import store_records
from datahub.registration import register_battery
from tests.twin import oracle
from tests.twin.conftest import catch_up, run_jobs
from twin.models import Estimator
from twin.registration import register_estimator

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

SMALLEST = "estimator = object()"


# --- POST /online/register -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("encoding", ["multipart", "urlencoded", "json"])
def test_the_seed_path_takes_a_script_in_each_encoding(client_as, encoding):
    wishes = {"name": "module 7/α", "definition": "x = 1\n\nestimator = x\n", "start_time": "3600"}
    client = client_as("engineer")
    if encoding == "json":
        answer = client.post("/online/register", wishes, format="json")
    elif encoding == "multipart":
        file = SimpleUploadedFile("initial-asoh.json", b"{}")
        answer = client.post("/online/register", {**wishes, "files": [file, SimpleUploadedFile("b.csv", b"1")]})
    else:
        body = "&".join(f"{name}={value}" for name, value in wishes.items())
        answer = client.post("/online/register", body, content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, type(answer.json())) == (200, str)
    estimator = Estimator.objects.get()
    assert (estimator.battery.name, estimator.version, estimator.required_time) == ("module 7/α", 1, 3600.0)
    assert estimator.script.open().read().decode() == wishes["definition"]
    assert [file.name for file in estimator.files.all()] == (
        ["b.csv", "initial-asoh.json"] if encoding == "multipart" else []
    )
    assert (estimator.state, estimator.is_current, estimator.registered_by.username) == (
        "waiting",
        False,
        "the-engineer",
    )


@pytest.mark.parametrize("name", ["required_time", "start_time"])
def test_the_required_time_may_stand_in_the_query(client_as, name):
    client_as("engineer").post(f"/online/register?{name}=60", {"name": "cell", "definition": SMALLEST})
    assert Estimator.objects.get().required_time == 60.0


@pytest.mark.parametrize(
    ("wishes", "complaint"),
    [
        ({"name": "cell", "definition": "a = 1\nb = (\n"}, {"definition": ["Line 2: '(' was never closed."]}),
        (
            {"name": "cell", "definition": "  "},
            {"definition": ["The script is empty; it must define an object `estimator`."]},
        ),
        ({"name": "cell"}, {"definition": ["This is needed, as text."]}),
        ({"definition": SMALLEST}, {"name": ["This is needed, as text."]}),
        (
            {"name": "cell", "definition": SMALLEST, "required_time": "soon"},
            {"required_time": ["'soon' is no required time: give seconds of data, 0 or more."]},
        ),
    ],
)
def test_what_cannot_be_an_estimator_is_refused_at_once_and_not_kept(client_as, wishes, complaint):
    answer = client_as("engineer").post("/online/register", wishes)
    assert (answer.status_code, answer.json()) == (422, {"detail": complaint})
    assert not Estimator.objects.exists()


@pytest.mark.parametrize("file_name", ["../escape.py", ".hidden", "estimator.py"])
def test_a_support_file_keeps_to_its_folder(client_as, file_name):
    file = SimpleUploadedFile("x", b"")
    file._name = file_name  # as a hostile client would send it; Django itself strips folders
    with pytest.raises(Exception, match="name"):
        register_estimator(battery_name="cell", definition=SMALLEST, files=[file])
    assert not Estimator.objects.exists()


def test_files_that_are_too_large_are_refused(client_as, settings):
    settings.SUPPORT_FILE_MAX_BYTES = 10
    wishes = {"name": "cell", "definition": SMALLEST, "files": [SimpleUploadedFile("a", b"x" * 11)]}
    answer = client_as("engineer").post("/online/register", wishes)
    assert (answer.status_code, answer.json()) == (
        422,
        {"detail": {"files": ["The files have more than 10 bytes together."]}},
    )


@pytest.mark.parametrize("role", [None, "nobody", "viewer", "operator"])
def test_scripts_are_for_engineers(client_as, role):
    client = client_as(role)
    wishes = {"name": "cell", "definition": SMALLEST}
    assert client.post("/online/register", wishes).status_code == (401 if role is None else 403)
    assert client.post("/api/v1/estimators/", {"battery": "cell"}).status_code == (401 if role is None else 403)
    assert not Estimator.objects.exists()


# --- GET /online/status --------------------------------------------------------------------------------------------
def test_the_status_tells_the_newest_estimate_and_leaves_out_what_is_not_known(client_as):
    register_estimator(battery_name="ready", kind="joint_ukf", parameters=oracle.parameters("no_rc"))
    store_records("ready", oracle.records(last=3))
    catch_up()
    register_estimator(battery_name="waiting", definition=SMALLEST)
    store_records("ready", oracle.records(3, 5))
    status = client_as("viewer").get("/online/status").json()
    expected, packed = oracle.moirae("no_rc"), oracle.moirae("no_rc")["covariances"][1]
    assert status["waiting"] == {
        "is_ready": False, "state_names": [], "state": "waiting", "rows_behind": 0, "last_error": "", "version": 1,
        "newer_version_failed": False, "is_inconsistent": False, "consistency": "Not judged yet.",
    }  # fmt: skip
    ready = status["ready"]
    assert ready.pop("mean") == pytest.approx(expected["means"][1].tolist(), abs=1e-12)
    covariance = ready.pop("covariance")
    assert [covariance[row][column] for row in range(4) for column in range(row, 4)] == pytest.approx(packed.tolist())
    assert covariance[3][0] == covariance[0][3]
    assert ready == {
        "is_ready": True, "state_names": ["soc", "hyst", "q_t.base_values", "r0.base_values"],
        "latest_time": oracle.cell()["test_time"][2], "state": "running", "rows_behind": 2, "last_error": "",
        "version": 1, "newer_version_failed": False, "is_inconsistent": False,
        "consistency": "Too few rows for a verdict: 2 of 500.",
    }  # fmt: skip


def test_a_script_that_cannot_be_loaded_shows_its_error_in_the_status(client_as, sandbox):
    register_estimator(battery_name="cell", definition="\n\nestimator = 1 / 0\n")
    run_jobs()
    status = client_as("viewer").get("/online/status").json()["cell"]
    assert (status["state"], status["last_error"]) == ("failed", "ZeroDivisionError: division by zero, line 3.")
    assert "mean" not in status


@pytest.mark.parametrize("batteries", [1, 4])
def test_the_status_asks_the_database_once_for_any_number_of_batteries(client_as, django_assert_num_queries, batteries):
    for number in range(batteries):
        register_estimator(battery_name=f"cell {number}", kind="joint_ukf", parameters=oracle.parameters("no_rc"))
    client = client_as("viewer")
    client.get("/online/status")  # the role of the caller is remembered
    with django_assert_num_queries(1):
        assert len(client.get("/online/status").json()) == batteries


# --- REST ----------------------------------------------------------------------------------------------------------
def test_a_built_in_estimator_is_made_from_a_preset_and_what_is_known_better(client_as):
    wishes = {"battery": "cell", "kind": "joint_ukf", "preset": "lfp", "parameters": {"capacity_ah": 1.1}}
    answer = client_as("engineer").post("/api/v1/estimators/", wishes, format="json")
    assert answer.status_code == 201, answer.json()
    found = client_as("viewer").get(f"/api/v1/estimators/{answer.json()['id']}/").json()
    assert found["parameters"]["capacity_ah"] == 1.1
    assert (found["state"], found["is_current"], found["sentence"]) == ("waiting", True, "Waits for the first row.")
    assert found["progress"]["state_names"] == ["soc", "i_rc", "hyst", "q_t.base_values", "r0.base_values"]


def test_parameters_that_describe_no_cell_are_refused_with_each_complaint_at_its_field(client_as):
    wishes = {"battery": "cell", "kind": "joint_ukf", "parameters": {"capacity_ah": -1, "ocv_soc": [0, 1]}}
    answer = client_as("engineer").post("/api/v1/estimators/", wishes, format="json")
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "parameters_refused"
    assert set(answer.json()["error"]["fields"]["parameters"]) >= {"capacity_ah", "r0_ohm", "ocv_voltage"}
    assert not Estimator.objects.exists()


def test_estimates_are_read_by_window_and_cursor(client_as):
    estimator = register_estimator(battery_name="cell", kind="joint_ukf", parameters=oracle.parameters("one_rc"))
    store_records("cell", oracle.records(last=100))
    catch_up()
    client, address = client_as("viewer"), f"/api/v1/estimators/{estimator.pk}/estimates/"
    first = client.get(address, {"limit": 40}).json()
    rest = client.get(address, {"after": first["next_after"]}).json()
    assert [row["row_id"] for row in first["results"] + rest["results"]] == list(range(2, 101))
    assert rest["next_after"] is None
    times = oracle.cell()["test_time"]
    window = client.get(address, {"start": times[10], "end": times[20]}).json()["results"]
    assert [row["test_time"] for row in window] == times[10:20]
    newest = rest["results"][-1]
    assert newest["soc_sd"] == pytest.approx(newest["cov_0_0"] ** 0.5)
    assert newest["innovation"] == pytest.approx(oracle.cell()["voltage"][99] - newest["predicted_voltage"])


def test_estimates_come_as_csv_and_parquet(client_as, tmp_path):
    import pyarrow.parquet as pq

    estimator = register_estimator(battery_name="cell", kind="joint_ukf", parameters=oracle.parameters("no_rc"))
    store_records("cell", oracle.records(last=50))
    catch_up()
    client, address = client_as("viewer"), f"/api/v1/estimators/{estimator.pk}/estimates/"
    lines = b"".join(client.get(address, {"format": "csv"}).streaming_content).decode().splitlines()
    (tmp_path / "e.parquet").write_bytes(b"".join(client.get(address, {"format": "parquet"}).streaming_content))
    table = pq.read_table(tmp_path / "e.parquet")
    assert lines[0].split(",") == table.column_names
    assert [float(line.split(",")[2]) for line in lines[1:]] == table.column("soc").to_pylist()
    assert table.num_rows == 49


def test_a_chart_has_few_points_and_keeps_the_extremes(client_as):
    estimator = register_estimator(battery_name="cell", kind="joint_ukf", parameters=oracle.parameters("no_rc"))
    store_records("cell", oracle.records())
    catch_up()
    client, address = client_as("viewer"), f"/api/v1/estimators/{estimator.pk}/estimates/"
    drawn = client.get(f"{address}chart/", {"points": 200}).json()
    everything = client.get(address, {"limit": 3000}).json()["results"]
    columns = drawn["columns"]
    assert drawn["estimates"] == 2999
    assert 100 <= len(columns["test_time"]) <= 202
    assert columns["test_time"] == sorted(columns["test_time"])
    socs = [row["soc"] for row in everything]
    assert (max(columns["soc"]), min(columns["soc"])) == pytest.approx((max(socs), min(socs)), abs=2e-3)


def test_retry_and_make_current_are_refused_where_they_make_no_sense(client_as):
    estimator = register_estimator(battery_name="cell", definition=SMALLEST)
    client = client_as("engineer")
    for action, code in (("retry", "estimator_has_not_failed"), ("make-current", "cannot_be_current")):
        answer = client.post(f"/api/v1/estimators/{estimator.pk}/{action}/")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)


@pytest.mark.parametrize("estimators", [1, 3])
def test_the_list_asks_no_more_for_more_estimators(client_as, django_assert_num_queries, estimators):
    for number in range(estimators):
        register_estimator(battery_name=f"cell {number}", kind="joint_ukf", parameters=oracle.parameters("no_rc"))
    client = client_as("viewer")
    client.get("/api/v1/estimators/")
    with django_assert_num_queries(3):  # the count of the page, the estimators, their files
        assert client.get("/api/v1/estimators/").json()["count"] == estimators


def test_presets_describe_cells_that_can_be_registered(client_as):
    presets = client_as("viewer").get("/api/v1/presets/").json()
    assert {preset["key"] for preset in presets} >= {"nmc", "lfp"}
    for preset in presets:
        register_estimator(battery_name=preset["key"], kind="joint_ukf", parameters=preset["parameters"])


# --- the admin -----------------------------------------------------------------------------------------------------
@pytest.fixture
def admin_client_as(client, user_with_role):
    def make(role):
        client.force_login(user_with_role(role))
        return client

    return make


def form_data(**wishes):
    inlines = {"files-TOTAL_FORMS": 0, "files-INITIAL_FORMS": 0}
    return {"battery_name": "cell", "kind": "joint_ukf", **inlines, **wishes}


def test_the_admin_registers_the_built_in_filter_from_a_preset_and_fields(admin_client_as):
    client = admin_client_as("engineer")
    answer = client.post(
        reverse("admin:twin_estimator_add"),
        form_data(preset="nmc", parameter_capacity_ah="3.2", parameter_rc_pairs="[]"),
    )
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    parameters = Estimator.objects.get().parameters
    assert (parameters["capacity_ah"], parameters["rc_pairs"], parameters["r0_ohm"]) == (3.2, [], 0.03 * (2.5 / 3.2))


def test_the_admin_registers_a_filter_with_its_choices_chosen(admin_client_as):
    answer = admin_client_as("engineer").post(
        reverse("admin:twin_estimator_add"),
        form_data(preset="lfp", parameter_has_hysteresis="false", parameter_ocv_interpolation='"linear"'),
    )
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    estimator = Estimator.objects.get()
    assert (estimator.parameters["has_hysteresis"], estimator.parameters["ocv_interpolation"]) == (False, "linear")
    assert estimator.progress.state_names == ["soc", "i_rc", "q_t.base_values", "r0.base_values"]


def test_the_admin_puts_each_complaint_beside_its_field(admin_client_as):
    client = admin_client_as("engineer")
    answer = client.post(reverse("admin:twin_estimator_add"), form_data(preset="nmc", parameter_r0_ohm="-1"))
    assert list(answer.context["adminform"].form.errors) == ["parameter_r0_ohm"]
    answer = client.post(reverse("admin:twin_estimator_add"), form_data(kind="script", definition="def f(:\n"))
    assert answer.context["adminform"].form.errors == {"definition": ["Line 1: invalid syntax."]}
    assert not Estimator.objects.exists()


def test_the_admin_shows_a_failed_script_with_its_line_marked_and_begins_a_new_version_from_it(
    admin_client_as, sandbox
):
    file = SimpleUploadedFile("a.txt", b"1")
    estimator = register_estimator(battery_name="cell", definition="x = 1\nestimator = 1 / 0\n", files=[file])
    run_jobs()
    client = admin_client_as("engineer")
    page = client.get(reverse("admin:twin_estimator_change", args=[estimator.pk])).content.decode()
    assert "ZeroDivisionError: division by zero, line 2." in page
    assert "<mark>   2  estimator = 1 / 0</mark>" in page
    listed = client.get(reverse("admin:twin_estimator_changelist")).content.decode()
    assert '<use href="#shape-bad"/></svg>Failed</span>' in listed

    add = reverse("admin:twin_estimator_add")
    initial = client.get(f"{add}?from={estimator.pk}").context["adminform"].form.initial
    assert initial["definition"] == "x = 1\nestimator = 1 / 0\n"
    wishes = {name: value for name, value in initial.items() if value is not None}
    answer = client.post(add, form_data(**{**wishes, "definition": "estimator = 2\n"}))
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    second = Estimator.objects.get(version=2)
    assert [stored.name for stored in second.files.all()] == ["a.txt"]


def test_admin_actions_retry_and_choose(admin_client_as, sandbox, script):
    first = register_estimator(battery_name="cell", kind="joint_ukf", parameters=oracle.parameters("no_rc"))
    failed = register_estimator(battery_name="cell", definition="estimator = 1 / 0\n")
    newest = register_estimator(battery_name="cell", definition=script("coulomb_counter"))
    run_jobs()
    client = admin_client_as("engineer")

    def act(action):
        wishes = {"action": action, "_selected_action": [each.pk for each in (first, failed)], "sure": "yes"}
        answer = client.post(reverse("admin:twin_estimator_changelist"), wishes, follow=True)
        return [str(message) for message in answer.context["messages"]]

    assert Estimator.objects.get(is_current=True) == newest
    assert act("retry") == ["1 retried, 1 skipped: Estimator cell v1 is waiting; only a failed one is retried."]
    assert act("promote")[0].startswith("1 promoted, 1 skipped: Estimator cell v2 has never been loaded")
    assert Estimator.objects.get(is_current=True) == first


@pytest.mark.parametrize("estimators", [1, 3])
def test_the_admin_list_asks_no_more_for_more_estimators(admin_client_as, django_assert_max_num_queries, estimators):
    for number in range(estimators):
        register_estimator(battery_name=f"cell {number}", kind="joint_ukf", parameters=oracle.parameters("no_rc"))
    client = admin_client_as("engineer")
    client.get(reverse("admin:twin_estimator_changelist"))
    with django_assert_max_num_queries(10):
        client.get(reverse("admin:twin_estimator_changelist"))


def test_a_viewer_sees_estimators_and_may_not_add_one(admin_client_as):
    estimator = register_estimator(battery_name="cell", kind="joint_ukf", parameters=oracle.parameters("no_rc"))
    client = admin_client_as("viewer")
    assert client.get(reverse("admin:twin_estimator_change", args=[estimator.pk])).status_code == 200
    assert client.get(reverse("admin:twin_estimator_add")).status_code == 403


def test_stats_of_the_data_hub_know_who_has_an_estimator(client_as):
    register_battery(None, name="without")
    register_estimator(battery_name="with", kind="joint_ukf", parameters=oracle.parameters("no_rc"))
    stats = client_as("viewer").get("/db/stats").json()
    assert {name: about["has_estimator"] for name, about in stats.items()} == {"with": True, "without": False}
    assert json.dumps(stats)
