"""Batteries are made, described, ended and deleted by one verb each."""

import pytest
from django.db import connection

from access.models import Token
from access.tokens import make_token
from datahub import registration
from datahub.errors import BadBatteryName, MetadataRefused, NameTaken
from datahub.ingest import store_records
from datahub.models import Battery
from datahub.signals import battery_deleting

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def test_metadata_is_stored_as_the_toolkit_reads_it_without_empty_fields():
    battery = registration.register_battery({"name": "cell 3", "battery": {"nominal_capacity": "1.5"}})
    assert battery.name == "cell 3"
    assert battery.metadata["battery"] == {"nominal_capacity": 1.5}
    assert "comments" not in battery.metadata


def test_fields_that_the_toolkit_does_not_know_are_kept():
    battery = registration.register_battery({"name": "x", "rack": {"row": 7}})
    assert battery.metadata["rack"] == {"row": 7}


def test_wrong_metadata_is_refused_by_field_and_nothing_is_made():
    with pytest.raises(MetadataRefused) as refused:
        registration.register_battery({"name": "x", "battery": {"nominal_capacity": "much", "layer_count": 1}})
    assert sorted(refused.value.fields) == ["battery.layer_count", "battery.nominal_capacity"]
    assert refused.value.status == 422
    assert not Battery.objects.exists()


@pytest.mark.parametrize("document", ["text", ["a"], 7])
def test_metadata_that_is_no_map_is_refused(document):
    with pytest.raises(MetadataRefused, match="metadata"):
        registration.register_battery(document)


def test_metadata_without_a_name_gets_a_random_one_each_time():
    first, second = registration.register_battery({}), registration.register_battery({})
    assert len(first.name) == 36
    assert first.name != second.name


def test_registering_again_describes_anew_and_keeps_the_rows_and_what_was_not_told():
    registration.register_battery({"name": "x"}, description="a cell", is_simulated=True)
    store_records("x", [{"test_time": 0.0, "voltage": 3.7}])
    battery = registration.register_battery({"name": "x", "comments": "new"})
    assert (battery.rows, battery.description, battery.is_simulated) == (1, "a cell", True)
    assert battery.metadata["comments"] == "new"
    assert Battery.objects.count() == 1


def test_describing_a_battery_never_puts_its_counters_back():
    stale = registration.register_battery({"name": "x"})
    store_records("x", [{"test_time": 0.0}])
    registration.update_metadata(stale, {"name": "x", "comments": "later"})
    assert Battery.objects.get().rows == 1


def test_one_that_must_be_new_is_refused_where_the_name_is_taken():
    registration.register_battery({"name": "x"})
    with pytest.raises(NameTaken, match="'x' already"):
        registration.register_battery({"name": "x", "comments": "mine"}, must_be_new=True)
    assert "comments" not in Battery.objects.get().metadata


def test_a_name_that_cannot_be_is_refused():
    with pytest.raises(BadBatteryName, match="255"):
        registration.register_battery({"name": "x" * 256})


def test_finishing_and_reopening_tell_whether_they_changed_anything():
    battery = registration.register_battery({"name": "x"})
    assert [registration.finish(battery), registration.finish(battery)] == [True, False]
    assert battery.finished_at is not None
    assert [registration.reopen(battery), registration.reopen(battery)] == [True, False]
    assert battery.finished_at is None


def test_deleting_takes_the_rows_and_the_device_tokens_and_tells_upper_rooms_first(user_with_role):
    battery = registration.register_battery({"name": "x"})
    store_records("x", [{"test_time": 0.0}])
    operator = user_with_role("operator")
    for name in ("x", "y"):
        make_token(user=operator, name=name, made_by=operator, battery_name=name)
    seen = []

    def watch(battery, **_):
        seen.append((battery.name, Battery.objects.filter(pk=battery.pk).exists()))

    battery_deleting.connect(watch)
    try:
        registration.delete_battery(battery)
    finally:
        battery_deleting.disconnect(watch)
    assert seen == [("x", True)]
    assert not Battery.objects.exists()
    assert f"rows_{battery.pk}" not in connection.introspection.table_names()
    assert [token.battery_name for token in Token.objects.all()] == ["y"]


def test_what_an_upper_room_refuses_leaves_the_battery_whole():
    battery = registration.register_battery({"name": "x"})
    store_records("x", [{"test_time": 0.0}])

    def refuse(battery, **_):
        raise RuntimeError("its estimates cannot be dropped")

    battery_deleting.connect(refuse)
    try:
        with pytest.raises(RuntimeError):
            registration.delete_battery(battery)
    finally:
        battery_deleting.disconnect(refuse)
    assert Battery.objects.get().rows == 1
    assert f"rows_{battery.pk}" in connection.introspection.table_names()
