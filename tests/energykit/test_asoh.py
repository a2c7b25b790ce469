"""Moirae's description of a cell becomes a filter, or says what in it this filter cannot hold."""

import json

import pytest

from energykit.asoh import mapping_from_asoh
from energykit.errors import InvalidParameters
from energykit.ukf import JointFilterParameters

# As Moirae writes them: every number in rows of a batch of one.
ASOH = {
    "q_t": {"base_values": [[1.5]]},
    "ce": [[0.999]],
    "ocv": {
        "ocv_ref": {"base_values": [[3.0, 3.6, 4.2]], "soc_pinpoints": None, "interpolation_style": "linear"},
        "ocv_ent": {"base_values": [[0]]},
    },
    "r0": {"base_values": [[0.05]], "temperature_dependence_factor": [[0]]},
    "c0": None,
    "rc_elements": [{"r": {"base_values": [[0.01]]}, "c": {"base_values": [[2500]]}}],
    "h0": {"base_values": [[0.0]], "gamma": [[0.0]]},
}


def test_a_cell_of_moirae_becomes_a_filter():
    parameters = JointFilterParameters.from_mapping(mapping_from_asoh(ASOH))

    assert (parameters.capacity_ah, parameters.r0_ohm, parameters.coulombic_efficiency) == (1.5, 0.05, 0.999)
    assert parameters.rc_pairs == ((0.01, 2500.0),)
    assert parameters.ocv_soc == (0.0, 0.5, 1.0)  # evenly from empty to full where no pinpoints are given
    assert parameters.ocv_voltage == (3.0, 3.6, 4.2)


def test_pinpoints_are_where_the_knots_stand():
    pinned = {**ASOH, "ocv": {"ocv_ref": {"base_values": [[3.0, 3.6, 4.2]], "soc_pinpoints": [0.0, 0.2, 1.0]}}}

    assert mapping_from_asoh(pinned)["ocv_soc"] == [0.0, 0.2, 1.0]


def test_the_real_cell_of_the_reference_run_is_read(shared_data):
    mapping = mapping_from_asoh(json.loads(shared_data("asoh-b10a.json").read_text()))

    assert (mapping["capacity_ah"], mapping["r0_ohm"], mapping["rc_pairs"]) == (1.509, 0.11466, [])
    assert mapping["ocv_soc"] == [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"q_t": {"base_values": [[1.5, 1.6]]}}, "capacity_ah"),
        ({"q_t": {}}, "capacity_ah"),
        ({"r0": {"base_values": [[0.05, 0.06]]}}, "r0_ohm"),
        ({"r0": {"base_values": [[0.05]], "temperature_dependence_factor": [[0.01]]}}, "r0_ohm"),
        ({"rc_elements": [{"r": {"base_values": [[0.1, 0.2]]}, "c": {"base_values": [[1]]}}]}, "rc_pairs"),
        ({"c0": {"base_values": [[1000]]}}, "c0"),
        ({"h0": {"base_values": [[0.01]], "gamma": [[50]]}}, "initial_hysteresis_v"),
        ({"ocv": {**ASOH["ocv"], "ocv_ent": {"base_values": [[1e-4]]}}}, "ocv_voltage"),
    ],
)
def test_what_the_filter_cannot_hold_is_said_at_its_field(change, field):
    with pytest.raises(InvalidParameters) as refused:
        mapping_from_asoh({**ASOH, **change})
    assert list(refused.value.fields) == [field]
