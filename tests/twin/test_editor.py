"""Writing a script in the admin: its syntax is told at once and nothing of it runs; faults are told in words."""

import pytest
from django.urls import reverse

from twin.forms import EstimatorForm
from twin.models import Estimator
from twin.registration import register_estimator

pytestmark = pytest.mark.django_db

CHECK = "admin:twin_estimator_check"


@pytest.fixture
def engineer(client, user_with_role):
    client.force_login(user_with_role("engineer"))
    return client


@pytest.mark.parametrize(
    ("script", "line", "message"),
    [
        ("x = 1\nestimator = (\n", 2, "Line 2: '(' was never closed."),
        ("estimator = 1 / 0\n", None, ""),  # it would fail when it runs, and nothing runs here
        ("", None, "The script is empty; it must define an object `estimator`."),
        ("raise SystemExit", None, ""),
    ],
)
def test_the_syntax_of_a_script_is_told_and_none_of_it_runs(engineer, script, line, message):
    answer = engineer.post(reverse(CHECK), {"definition": script})
    assert answer.json() == {"line": line, "message": message}
    assert not Estimator.objects.exists()


def test_who_may_not_write_scripts_has_none_checked(client, user_with_role):
    client.force_login(user_with_role("operator"))
    assert client.post(reverse(CHECK), {"definition": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2,5", "Write the number with a point: 2.5."),
        ("0, 0.5, 1", "Put the list in brackets: [0, 0.5, 1]."),
        (
            "[0, 1",
            'This cannot be read after character 5. A number is written 2.5, a list [0, 0.5, 1], a map {"ohm": 0.01}.',
        ),
    ],
)
def test_a_number_written_otherwise_is_told_how_to_write_it(text, why):
    form = EstimatorForm({"battery_name": "cell", "kind": "joint_ukf", "preset": "nmc", "parameter_ocv_soc": text})
    assert form.errors == {"parameter_ocv_soc": [why]}


def test_a_script_is_not_refused_for_a_field_of_the_filter_that_it_does_not_have():
    script = {"battery_name": "cell", "kind": "script", "definition": "estimator = 1", "parameter_capacity_ah": "2,5"}
    assert EstimatorForm(script).errors == {}


def test_a_version_tells_what_it_changed(engineer, tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path
    register_estimator(battery_name="cell", definition="a = 1\nestimator = a\n")
    second = register_estimator(battery_name="cell", definition="a = 2\nestimator = a\n")
    text = engineer.get(reverse("admin:twin_estimator_change", args=[second.pk])).content.decode()
    assert "<del>-a = 1</del>\n<ins>+a = 2</ins>" in text
    built_in = register_estimator(battery_name="other", kind="joint_ukf", preset="nmc", parameters={"capacity_ah": 2.0})
    third = register_estimator(
        battery_name="other", kind="joint_ukf", parameters={**built_in.parameters, "capacity_ah": 2.5}
    )
    text = engineer.get(reverse("admin:twin_estimator_change", args=[third.pk])).content.decode()
    assert "<div><code>capacity_ah</code>: 2 → 2.5</div>" in text
    assert '{"ocv_soc": [0.0, 0.05,' in text  # what the page plots


def test_a_parameter_that_the_verdict_names_leads_to_its_field_in_a_new_version(engineer):
    estimator = register_estimator(battery_name="cell", kind="joint_ukf", preset="nmc")
    progress = estimator.progress
    progress.verdict = {"consistent": False, "sentence": "The filter is too sure. Raise `sensor_variance`."}
    progress.save()
    text = engineer.get(reverse("admin:twin_estimator_change", args=[estimator.pk])).content.decode()
    address = f"{reverse('admin:twin_estimator_add')}?from={estimator.pk}#id_parameter_sensor_variance"
    assert f'Raise <a href="{address}">sensor_variance</a>.' in text
    assert 'id="id_parameter_sensor_variance"' in engineer.get(address).content.decode()


def test_an_estimator_is_deleted_with_its_name_typed_and_its_loss_counted(client, user_with_role):
    client.force_login(user_with_role("administrator"))
    estimator = register_estimator(battery_name="cell", kind="joint_ukf", preset="nmc")
    path = reverse("admin:twin_estimator_delete", args=[estimator.pk])
    text = client.get(path).content.decode()
    assert "<li>nothing</li>" not in text
    assert "<li>1 checkpoint" in text
    assert "This is not its name." in client.post(path, {"post": "yes", "confirm": "cell"}).content.decode()
    assert Estimator.objects.exists()
    client.post(path, {"post": "yes", "confirm": "cell v1"})
    assert not Estimator.objects.exists()
