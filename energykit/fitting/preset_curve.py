"""A preset's OCV curve, moved along the SOC axis and up or down, where no slow whole cycle shows the cell's own.

SOC at the first row and capacity are searched for; for each of these the offset and the resistances follow by linear
least squares.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares

from energykit.fitting.rows import CellRows
from energykit.fitting.soc_track import voltage_at
from energykit.fitting.steps import rc_currents
from energykit.ocv import OcvTable
from energykit.presets import PRESETS, Preset
from energykit.ukf.rows import Floats

MOST_ROWS = 1_000
KNOTS_OF_TABLE = 51
LEAST_OHM = 1e-4
MOST_BEGINS = 4
SECONDS = np.array([30.0, 900.0])  # time constants of the slow part, roughly
SPANS = (1.02, 1.2, 1.5, 2.0, 3.0, 5.0)  # capacity over the charge span of the rows, to begin with
ABOUT_AS_GOOD, ABOUT_AS_GOOD_V = 1.3, 5e-4  # times the least residual, and so much more
WIDEST_SOC = 0.02  # beyond 0 and 1
SHAPE_STD_SHARE = 0.02  # of the capacity: a preset's curve is not the cell's own


@dataclass(frozen=True)
class PresetFit:
    preset: Preset
    ocv: OcvTable
    capacity_ah: float
    capacity_std: float
    initial_soc: float
    initial_soc_std: float
    offset_v: float
    ohm: float  # all resistances together
    rms: float
    lowest_soc: float
    highest_soc: float


def best_preset(rows: CellRows, key: str = "", capacity_ah: float | None = None) -> PresetFit:
    """The named preset fitted, or the one that fits best. With a capacity only the rest is searched for.

    Where others fit about as well, what they make of the capacity is part of its uncertainty.
    """
    fits = [_fit(rows, PRESETS[each], capacity_ah) for each in ([key] if key else PRESETS)]
    best = min(fits, key=lambda fit: fit.rms)
    about_as_good = [fit.capacity_ah for fit in fits if fit.rms <= ABOUT_AS_GOOD * best.rms + ABOUT_AS_GOOD_V]
    apart = (max(about_as_good) - min(about_as_good)) / 2.0
    return replace(best, capacity_std=float(np.hypot(best.capacity_std, apart)))


def _fit(rows: CellRows, preset: Preset, capacity_ah: float | None) -> PresetFit:
    table = _table_of(preset)
    thin = np.unique(np.linspace(0, len(rows) - 1, MOST_ROWS).astype(int))
    slow = rc_currents(rows.time, rows.current, SECONDS)
    regressors = np.column_stack((np.ones(len(rows)), rows.current, slow))[thin]
    moved, voltage = rows.moved_ah[thin], rows.voltage[thin]

    def parts(x: Floats) -> tuple[Floats, Floats]:
        """What is left, and the offset with the resistances."""
        soc = x[0] + moved / (capacity_ah or np.exp(x[1]))
        target = voltage - voltage_at(table, soc)
        ridge = np.zeros((1, regressors.shape[1]))
        ridge[0, 0] = 0.1 * np.sqrt(len(thin))  # an offset of any size would make up for a wrong SOC
        beta = np.linalg.lstsq(np.vstack((regressors, ridge)), np.append(target, 0.0), rcond=None)[0]
        beyond = np.maximum(soc - 1.0 - WIDEST_SOC, 0.0) + np.maximum(-soc - WIDEST_SOC, 0.0)
        return target - regressors @ beta + beyond, beta

    begins = _begins(moved, capacity_ah)
    likely = sorted(begins, key=lambda x: float(np.mean(np.abs(parts(x)[0]))))[:MOST_BEGINS]
    tries = [least_squares(lambda x: parts(x)[0], x, loss="soft_l1", f_scale=0.01, max_nfev=40) for x in likely]
    best = min(tries, key=lambda each: float(each.cost))
    left, beta = parts(best.x)
    std = _stds(best.jac, left)
    capacity = capacity_ah or float(np.exp(best.x[1]))
    soc = best.x[0] + moved / capacity
    shifted = OcvTable(table.soc, tuple(float(volt + beta[0]) for volt in table.voltage))
    return PresetFit(
        preset=preset,
        ocv=shifted,
        capacity_ah=capacity,
        capacity_std=0.0 if capacity_ah else float(capacity * np.hypot(std[1], SHAPE_STD_SHARE)),
        initial_soc=float(np.clip(best.x[0], 0.0, 1.0)),
        initial_soc_std=float(max(std[0], 0.01)),
        offset_v=float(beta[0]),
        ohm=float(max(beta[1:].sum(), LEAST_OHM)),
        rms=float(np.sqrt(np.mean(left**2))),
        lowest_soc=float(soc.min()),
        highest_soc=float(soc.max()),
    )


def _table_of(preset: Preset) -> OcvTable:
    """With straight lines between so many knots that they follow the preset's curve, smooth or not."""
    known = preset.parameters()
    curve = OcvTable(
        tuple(known["ocv_soc"]), tuple(known["ocv_voltage"]), interpolation=known.get("ocv_interpolation", "linear")
    )
    soc = sorted({*known["ocv_soc"], *np.linspace(0.0, 1.0, KNOTS_OF_TABLE).round(6).tolist()})
    return OcvTable(tuple(soc), tuple(round(float(curve.voltage_at(each)), 6) for each in soc))


def _begins(moved: Floats, capacity_ah: float | None) -> list[Floats]:
    """SOC at the first row and the logarithm of the capacity, to begin the search with."""
    span = float(np.ptp(moved))
    begins = []
    for size in [capacity_ah] if capacity_ah else [span * factor for factor in SPANS]:
        room = max(1.0 - span / size, 0.0)
        starts = [-float(moved.min()) / size + room * share for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
        begins += [np.array([start] if capacity_ah else [start, np.log(size)]) for start in starts]
    return begins


def _stds(jacobian: Floats, left: Floats) -> Floats:
    """With the residuals' own memory: n rows that go together for k rows tell as much as n/k."""
    together = _rows_that_go_together(left)
    gram = jacobian.T @ jacobian
    covariance = np.linalg.pinv(gram) * float(np.mean(left**2)) * together
    return np.asarray(np.sqrt(np.maximum(np.diag(covariance), 0.0)))


def _rows_that_go_together(left: Floats) -> float:
    centred = left - left.mean()
    power = float(centred @ centred)
    total = 1.0
    for lag in range(1, len(left) // 2):
        correlation = float(centred[lag:] @ centred[:-lag]) / power if power else 0.0
        if correlation < 0.05:
            break
        total += 2.0 * correlation
    return total
