"""Reading a cell's parameters: everything that is wrong is said at once, by field."""

import json

import pytest

from energykit.errors import InvalidParameters
from energykit.ukf import JointFilterParameters, field_descriptions

CELL = {"capacity_ah": 2.5, "r0_ohm": 0.03, "ocv_soc": [0, 0.5, 1], "ocv_voltage": [3.0, 3.7, 4.2]}
PAIR = {"ohm": 0.015, "farad": 2000}


def complaints(**changes):
    with pytest.raises(InvalidParameters) as refused:
        JointFilterParameters.from_mapping({**CELL, **changes})
    return refused.value.fields


@pytest.mark.parametrize(
    ("pairs", "names"),
    [
        ([], ("soc", "hyst", "q_t.base_values", "r0.base_values")),
        ([PAIR], ("soc", "i_rc", "hyst", "q_t.base_values", "r0.base_values")),
        ([PAIR, PAIR], ("soc", "i_rc[0]", "i_rc[1]", "hyst", "q_t.base_values", "r0.base_values")),
    ],
)
def test_states_are_called_as_moirae_calls_them(pairs, names):
    parameters = JointFilterParameters.from_mapping({**CELL, "rc_pairs": pairs})

    assert parameters.state_names == names
    assert len(parameters.initial_mean) == len(parameters.process_noise) == len(names)


def test_a_mapping_goes_out_complete_and_comes_back_equal_through_json():
    parameters = JointFilterParameters.from_mapping({**CELL, "rc_pairs": [PAIR], "initial_soc": 0.3})

    mapping = json.loads(json.dumps(parameters.to_mapping()))

    assert JointFilterParameters.from_mapping(mapping) == parameters
    assert set(mapping) == {each.name for each in field_descriptions()}
    assert mapping["rc_pairs"] == [{"ohm": 0.015, "farad": 2000.0}]


def test_what_is_left_out_is_derived_from_the_cell():
    parameters = JointFilterParameters.from_mapping({**CELL, "rc_pairs": [PAIR]})

    assert parameters.initial_rc_currents_a == (0.0,)
    # 10 % SOC, 0.1 C, 1 mV, 5 % of 2.5 Ah, 20 % of 30 mΩ
    variances = [parameters.initial_covariance[state][state] for state in range(5)]
    assert variances == pytest.approx([1e-2, 0.25**2, 1e-6, 0.125**2, 6e-3**2])
    assert parameters.initial_mean == (0.5, 0.0, 0.0, 2.5, 0.03)


def test_variances_alone_make_a_diagonal_covariance():
    short = JointFilterParameters.from_mapping({**CELL, "initial_covariance": [1e-2, 1e-6, 1e-2, 1e-6]})

    assert short.initial_covariance == (
        (1e-2, 0.0, 0.0, 0.0),
        (0.0, 1e-6, 0.0, 0.0),
        (0.0, 0.0, 1e-2, 0.0),
        (0.0, 0.0, 0.0, 1e-6),
    )


def test_every_complaint_is_listed_at_once():
    with pytest.raises(InvalidParameters) as refused:
        JointFilterParameters.from_mapping(
            {"capacity_ah": -1, "ocv_soc": [0, 1], "ocv_voltage": [3.0], "sensor_variance": "small", "colour": "red"}
        )

    assert set(refused.value.fields) == {"capacity_ah", "r0_ohm", "ocv_voltage", "sensor_variance", "colour"}
    assert refused.value.fields["r0_ohm"] == "This is needed."
    assert refused.value.fields["capacity_ah"] == "The capacity must be above 0 Ah."


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("capacity_ah", True),
        ("capacity_ah", float("nan")),
        ("capacity_ah", "2.5"),
        ("r0_ohm", 0),
        ("rc_pairs", [PAIR, PAIR, PAIR]),
        ("rc_pairs", [{"ohm": 0.015}]),
        ("rc_pairs", [[0.015, 2000, 1]]),
        ("rc_pairs", [[0.015, -2000]]),
        ("rc_pairs", "0.015, 2000"),
        ("ocv_soc", "0, 1"),
        ("ocv_soc", [0, 50, 100]),
        ("ocv_voltage", [4.2, 3.7, 3.0]),
        ("ocv_voltage", [3.0, float("inf"), 4.2]),
        ("coulombic_efficiency", 1.01),
        ("initial_soc", 50),
        ("initial_rc_currents_a", [0.0]),
        ("process_noise", [1e-8] * 3),
        ("process_noise", [1e-8, 1e-8, -1e-8, 1e-8]),
        ("sensor_variance", 0),
        ("initial_covariance", [1e-2, 1e-6, 0.0, 1e-6]),
        ("initial_covariance", [1e-2] * 5),
        ("initial_covariance", [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0.5, 1]]),
        ("initial_covariance", [[1, 2, 0, 0], [2, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    ],
)
def test_a_value_that_makes_no_filter_is_refused_at_its_field(field, value):
    assert list(complaints(**{field: value})) == [field]


def test_the_constructor_refuses_what_a_mapping_may_not_say():
    with pytest.raises(InvalidParameters) as refused:
        JointFilterParameters(capacity_ah=2.5, r0_ohm=-0.03, ocv_soc=(0.0, 1.0), ocv_voltage=(3.0, 4.2))
    assert list(refused.value.fields) == ["r0_ohm"]


def test_a_form_finds_title_unit_and_explanation_of_every_field():
    described = {each.name: each for each in field_descriptions()}

    assert described["capacity_ah"].unit == "Ah"
    assert [name for name, each in described.items() if each.is_needed] == list(CELL)
    assert all(each.title and each.explanation.endswith(".") for each in described.values())
