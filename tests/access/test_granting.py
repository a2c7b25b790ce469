"""What each role may do in the admin."""

import pytest
from django.contrib.auth.models import Group

pytestmark = pytest.mark.django_db


def may(role: str) -> set[str]:
    permissions = Group.objects.get(name=role).permissions.select_related("content_type")
    return {f"{permission.content_type.app_label}.{permission.codename}" for permission in permissions}


def test_every_role_sees_records_and_nobody_but_administrators_deletes_them():
    for role in ("viewer", "operator", "engineer", "administrator"):
        assert {"datahub.view_battery", "twin.view_estimator", "jobs.view_job"} <= may(role)
        assert ("datahub.delete_battery" in may(role)) == (role == "administrator")


def test_an_operator_changes_batteries_and_asks_for_forecasts_but_registers_no_code():
    assert {"datahub.add_battery", "datahub.change_battery", "prognosis.add_forecastrun"} <= may("operator")
    assert not {"twin.add_estimator", "prognosis.add_forecaster"} & may("operator")
    assert {"twin.add_estimator", "prognosis.add_forecaster"} <= may("engineer")


def test_a_viewer_changes_nothing_but_own_tokens():
    changes = {codename for codename in may("viewer") if ".view_" not in codename}
    assert changes == {"access.add_token", "access.change_token"}


def test_only_administrators_manage_people():
    assert {"auth.add_user", "auth.change_user", "auth.delete_user"} <= may("administrator")
    for role in ("viewer", "operator", "engineer"):
        assert not [codename for codename in may(role) if codename.startswith("auth.")]
