"""The ledger under any order, any cut and any repetition of what comes; and its sums by day and month."""

from itertools import count

import numpy as np
import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energykit.quarters import Reading, quarters_of
from fleet.accounting.batches import Batch, store_batch
from fleet.accounting.posting import post_readings
from fleet.models import Asset, EnergyDay, EnergyMonth, Quarter
from fleet.models import Reading as StoredReading
from fleet.validators import checked_post

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

SECOND = 1_000_000
BEGIN = 1_535_068_800  # 2018-08-24
FEW = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
numbers = count(1)

steps = st.sampled_from([30, 60, 300, 900, 1000, 3600, 3700, 10_000, 90_000, 40 * 86_400])
values = st.one_of(st.integers(0, 100), st.floats(0, 1e4, allow_subnormal=False), st.just(None))


@st.composite
def rows(draw, least=1, most=14):
    """(time, s; value); the first has a number, so that no request is without one."""
    times = [BEGIN + draw(st.integers(0, 40 * 86_400))]
    for _ in range(draw(st.integers(least - 1, most - 1))):
        times.append(times[-1] + draw(steps))
    return [(time, draw(values) if place else draw(st.integers(1, 9))) for place, time in enumerate(times)]


def send(number, rows, units="kWh", **more):
    data = [{"datetime": _label(time), "value": value} for time, value in rows]
    return post_readings(checked_post({"spaceship_id": number, "units": units, "data": data, **more}))


def _label(time):
    return np.datetime_as_string(np.datetime64(int(time * 1000), "ms"), "ms") + "Z"


def ledger(number):
    found = Quarter.objects.filter(asset__number=number).order_by("start")
    return {start: (energy, covered) for start, energy, covered in found.values_list("start", "energy", "covered")}


def same(ours, theirs):
    assert list(ours) == list(theirs)
    assert [covered for _, covered in ours.values()] == [covered for _, covered in theirs.values()]
    assert [energy for energy, _ in ours.values()] == pytest.approx([energy for energy, _ in theirs.values()], rel=1e-9)


def from_nothing(number):
    """The quarters that all stored readings together give."""
    kept = StoredReading.objects.filter(asset__number=number).order_by("time")
    readings = [Reading(*row) for row in kept.values_list("time", "value", "is_energy", "interval", "step")]
    return {start: (float(it.energy), it.covered) for start, it in quarters_of(readings).items()}


def sums_are_right(number):
    """Days and months against sums over the quarters that ask no other table."""
    asset = Asset.objects.get(number=number)
    quarters = list(Quarter.objects.filter(asset=asset).values_list("start", "energy", "covered"))
    for model, unit in ((EnergyDay, "D"), (EnergyMonth, "M")):
        expected = {}
        for start, energy, covered in quarters:
            begin = int(np.datetime64(start, "s").astype(f"datetime64[{unit}]").astype("datetime64[s]").astype(int))
            before = expected.get(begin, (0.0, 0))
            expected[begin] = (before[0] + energy, before[1] + covered)
        found = model.objects.filter(asset=asset).values_list("start", "energy", "covered")
        same({start: (e, c) for start, e, c in sorted(found)}, dict(sorted(expected.items())))


@FEW
@given(rows(), st.randoms())
def test_the_order_of_rows_does_not_matter(rows, random):
    mixed = random.sample(rows, len(rows))
    one, other = next(numbers), next(numbers)
    send(one, rows)
    send(other, mixed)
    assert ledger(one) == ledger(other)


@FEW
@given(rows(least=2), st.sampled_from([None, 600]))
def test_the_same_request_again_changes_nothing(rows, interval):
    number = next(numbers)
    first = send(number, rows, interval=interval).as_map()
    before = ledger(number)
    assert send(number, rows, interval=interval).as_map() == first
    assert ledger(number) == before


@FEW
@given(
    st.sampled_from([60, 300, 900, 1200, 3600, 7200]), st.integers(2, 14), st.sampled_from(["kW", "kWh"]), st.randoms()
)
def test_a_constant_step_may_be_cut_anywhere_and_come_in_any_order(step, length, units, random):
    rows = [(BEGIN + 420 + step * place, random.randint(0, 50)) for place in range(length)]
    cuts = sorted(random.sample(range(1, length), random.randint(0, length - 1)))
    parts = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, length], strict=True)]
    random.shuffle(parts)
    whole, cut = next(numbers), next(numbers)
    send(whole, rows, units)
    for part in parts:
        send(cut, part, units)
    assert ledger(cut) == ledger(whole)


@FEW
@given(st.lists(rows(most=6), min_size=1, max_size=5), st.data())
def test_after_any_requests_the_ledger_is_what_all_readings_together_give(requests, data):
    """Late ones, corrections and gaps among them; only touched quarters are computed, and none is forgotten."""
    number = next(numbers)
    for request in requests:
        interval = data.draw(st.sampled_from([None, None, 120, 5000]))
        send(number, request, data.draw(st.sampled_from(["kW", "kWh"])), interval=interval)
    assert ledger(number) == from_nothing(number)
    sums_are_right(number)


@FEW
@given(rows(most=10))
def test_energy_that_came_is_energy_that_is_told(rows):
    number = next(numbers)
    send(number, rows)
    told = EnergyMonth.objects.filter(asset__number=number).aggregate(Sum("energy"))["energy__sum"]
    assert told == pytest.approx(sum(value for _, value in rows if value is not None), rel=1e-9)


def batch_of(by_number, units="kWh", interval=None):
    flat = [(number, time, value) for number, rows in by_number.items() for time, value in rows]
    number, time, value = zip(*flat, strict=True)
    values = np.array([np.nan if each is None else each for each in value], float)
    is_energy = np.full(len(values), units == "kWh")
    return Batch(np.array(number), np.array(time, np.int64) * SECOND, values, is_energy, interval)


@FEW
@given(st.lists(st.lists(rows(most=6), min_size=3, max_size=3), min_size=1, max_size=3), st.data())
def test_many_assets_in_one_request_give_what_each_by_itself_gives(requests, data):
    together, alone = [next(numbers) for _ in range(3)], [next(numbers) for _ in range(3)]
    for request in requests:
        units = data.draw(st.sampled_from(["kW", "kWh"]))
        interval = data.draw(st.sampled_from([None, 600]))
        store_batch(batch_of(dict(zip(together, request, strict=True)), units, interval and interval * SECOND))
        for number, rows in zip(alone, request, strict=True):
            send(number, rows, units, interval=interval)
    for ours, theirs in zip(together, alone, strict=True):
        same(ledger(ours), ledger(theirs))
        sums_are_right(ours)
        assert Asset.objects.get(number=ours).last_time == Asset.objects.get(number=theirs).last_time
