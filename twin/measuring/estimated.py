"""What an estimator says of rows that something was measured at."""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from django.db import connection

from twin.measuring import tables
from twin.models import Estimator
from twin.queries import packed_place
from twin.states import Kind
from twin.tables import columns_of

if TYPE_CHECKING:
    from energykit.ocv import OcvTable

ROWS_A_QUERY = 1000


def at_rows(
    estimator: Estimator, row_ids: Collection[int], wanted: Sequence[str]
) -> dict[int, dict[str, tuple[float, float]]]:
    """Mean and standard deviation of the states named so (`q_t` also as `q_t.base_values`), by row and state.

    A row without an estimate is not there, such as a late one, or one that retention has thinned out.
    """
    names = list(estimator.progress.state_names)
    places = {name.split(".")[0].split("[")[0]: place for place, name in reversed(list(enumerate(names)))}
    known = [name for name in wanted if name in places]
    if not known or not estimator.progress.rows_stepped:
        return {}
    columns = [columns_of(names)[places[name]] for name in known]
    diagonal = [packed_place(places[name], places[name], len(names)) for name in known]
    found = {}
    listed = sorted(set(row_ids))
    for first in range(0, len(listed), ROWS_A_QUERY):
        rows = tables.select_states(connection, estimator.pk, columns, listed[first : first + ROWS_A_QUERY])
        for row_id, covariance, *means in rows:
            variances = [struct.unpack_from("<d", covariance, 8 * place)[0] for place in diagonal]
            deviations = [math.sqrt(max(variance, 0.0)) for variance in variances]
            found[row_id] = dict(zip(known, zip(means, deviations, strict=True), strict=True))
    return found


def ocv_of(estimator: Estimator) -> OcvTable | None:
    """The open-circuit voltage that a built-in estimator goes by; None for a script, which need not have any."""
    from energykit.errors import InvalidParameters  # noqa: PLC0415  (numpy; a web process boots without it)
    from energykit.ukf import JointFilterParameters  # noqa: PLC0415  (as above)

    if estimator.kind != Kind.JOINT_UKF:
        return None
    try:
        return JointFilterParameters.from_mapping(estimator.parameters or {}).ocv
    except InvalidParameters:
        return None
