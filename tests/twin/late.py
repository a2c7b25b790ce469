"""Rows of the simulated cell out of order, and what has to come of them."""

import numpy as np

from datahub.queries import battery_named, records
from energykit.ukf import FilterRows, JointFilterParameters, run_filter
from tests.twin import oracle
from twin.models import EstimatorProgress
from twin.queries import current_estimator, estimates
from twin.registration import register_estimator

NUMBERS = ("test_time", "means", "covariances", "predicted_voltage", "innovation", "innovation_variance")


def rows(count, twins=()):
    """The simulated cell's first rows; `twins` are places whose row has the test_time of the row before."""
    found = oracle.records(last=count)
    for place in twins:
        found[place] = {**found[place], "test_time": found[place - 1]["test_time"]}
    return found


def shuffled(records, late, chance):
    """The rows with some of them moved to a later place; the others keep their order."""
    found = list(records)
    for place in sorted(chance.sample(range(len(records)), late), reverse=True):
        moved = found.pop(place)
        found.insert(chance.randrange(place, len(found) + 1), moved)
    return found


def in_order(records):
    """(test_time, arrival), as sorting keeps rows of equal times in the order in which they came."""
    return sorted(records, key=lambda row: row["test_time"])


def register(name, case="one_rc"):
    return register_estimator(battery_name=name, kind="joint_ukf", parameters=oracle.parameters(case))


def found(name):
    return estimates(current_estimator(battery_named(name)))


def progress_of(name):
    return EstimatorProgress.objects.get(estimator__battery__name=name)


def assert_same(name, other):
    ours, theirs = found(name), found(other)
    for column in NUMBERS:
        np.testing.assert_array_equal(getattr(ours, column), getattr(theirs, column), err_msg=column)
    ours, theirs = progress_of(name), progress_of(other)
    for column in ("rows_seen", "rows_stepped", "rows_skipped", "late_from", "latest_time", "mean", "covariance",
                   "mean_nis", "evidence", "checkpoint", "reference_capacity"):  # fmt: skip
        assert getattr(ours, column) == getattr(theirs, column), column


def assert_is_what_the_filter_makes_of_sorted_rows(name, records, case="one_rc"):
    columns = [np.array([row[column] for row in in_order(records)]) for column in ("test_time", "current", "voltage")]
    alone = run_filter(JointFilterParameters.from_mapping(oracle.parameters(case)), FilterRows(*columns))
    np.testing.assert_array_equal(found(name).means, alone.means[alone.stepped])
    np.testing.assert_array_equal(found(name).covariances, alone.covariances[alone.stepped])


def as_they_came(name):
    return [{key: row[key] for key in ("test_time", "current", "voltage")} for row in records(battery_named(name))]
