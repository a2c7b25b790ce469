"""Versions of the simulated cell's built-in estimator, and where they stand."""

from datahub.queries import battery_named
from tests.twin import oracle
from twin.models import Estimator, EstimatorProgress
from twin.queries import current_estimator
from twin.registration import register_estimator


def register(case="one_rc", name="cell", **wishes):
    return register_estimator(battery_name=name, kind="joint_ukf", parameters=oracle.parameters(case), **wishes)


def fresh(estimator):
    return Estimator.objects.select_related("battery", "progress").get(pk=estimator.pk)


def current(name="cell"):
    return current_estimator(battery_named(name))


def stepped(estimator):
    return EstimatorProgress.objects.get(pk=estimator.pk).rows_stepped
