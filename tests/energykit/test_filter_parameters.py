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


def test_noise_that_is_left_out_is_a_second_and_a_day_of_it_is_known():
    parameters = JointFilterParameters.from_mapping({**CELL, "rc_pairs": [PAIR]})

    assert parameters.process_noise == (0.0,) * 5
    daily = [86_400 * each for each in parameters.process_noise_per_second]
    # standard deviations: 0.07 % SOC, 0.05 C, 10 µV, 0.06 % of 2.5 Ah, 0.18 % of 30 mΩ
    assert daily == pytest.approx([4.9e-7, 0.125**2, 1e-10, 1.5e-3**2, 5.4e-5**2])


def test_of_two_noises_the_one_that_is_given_stands_alone():
    a_row = JointFilterParameters.from_mapping({**CELL, "process_noise": [1e-8] * 4})
    a_second = JointFilterParameters.from_mapping({**CELL, "process_noise_per_second": [1e-9] * 4})

    assert (a_row.process_noise, a_row.process_noise_per_second) == ((1e-8,) * 4, (0.0,) * 4)
    assert (a_second.process_noise, a_second.process_noise_per_second) == ((0.0,) * 4, (1e-9,) * 4)


def test_a_mapping_stored_before_there_were_these_fields_means_what_it_meant():
    stored = {
        "capacity_ah": 2.5, "r0_ohm": 0.03, "ocv_soc": [0.0, 1.0], "ocv_voltage": [3.0, 4.2], "rc_pairs": [],
        "coulombic_efficiency": 1.0, "initial_soc": 0.5, "initial_rc_currents_a": [], "initial_hysteresis_v": 0.0,
        "initial_covariance": [[1e-2, 0, 0, 0], [0, 1e-6, 0, 0], [0, 0, 1e-2, 0], [0, 0, 0, 1e-5]],
        "process_noise": [1e-8, 1e-10, 2.5e-7, 9e-10], "sensor_variance": 2.5e-5,
    }  # fmt: skip

    parameters = JointFilterParameters.from_mapping(stored)

    assert {name: parameters.to_mapping()[name] for name in stored} == stored
    assert parameters.process_noise_per_second == (0.0,) * 4
    assert (parameters.ocv_interpolation, parameters.has_hysteresis, parameters.gate_sigmas) == ("linear", True, 0.0)
    assert (parameters.hysteresis_seconds, parameters.needs_temperature) == (0.0, False)


def test_without_hysteresis_there_is_one_state_less():
    parameters = JointFilterParameters.from_mapping({**CELL, "rc_pairs": [PAIR], "has_hysteresis": False})

    assert parameters.state_names == ("soc", "i_rc", "q_t.base_values", "r0.base_values")
    assert parameters.initial_mean == (0.5, 0.0, 2.5, 0.03)
    assert len(parameters.initial_covariance) == len(parameters.process_noise_per_second) == 4


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
    assert refused.value.fields["r0_ohm"] == "This is needed; a preset brings a typical value."
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
        ("process_noise_per_second", [1e-8] * 5),
        ("process_noise_per_second", [1e-8, 1e-8, 1e-8, -1e-8]),
        ("ocv_interpolation", "spline"),
        ("ocv_interpolation", 3),
        ("has_hysteresis", "no"),
        ("has_hysteresis", 0),
        ("hysteresis_seconds", -1),
        ("gate_sigmas", -4),
        ("gate_sigmas", 0.5),
        ("r0_activation_energy_j_mol", -20_000),
        ("r0_activation_energy_j_mol", 2e6),
        ("capacity_per_kelvin", 0.5),
        ("reference_temperature_c", 298.15),
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


def test_a_table_that_is_missing_can_be_had_from_a_preset():
    with pytest.raises(InvalidParameters) as refused:
        JointFilterParameters.from_mapping({"capacity_ah": 2.5, "r0_ohm": 0.03})
    assert set(refused.value.fields) == {"ocv_soc", "ocv_voltage"}
    assert all("preset" in complaint for complaint in refused.value.fields.values())


def test_a_hysteresis_that_is_not_estimated_cannot_begin_anywhere():
    assert list(complaints(has_hysteresis=False, initial_hysteresis_v=0.01)) == ["initial_hysteresis_v"]


def test_a_hysteresis_that_is_not_estimated_cannot_fade():
    assert list(complaints(has_hysteresis=False, hysteresis_seconds=60)) == ["hysteresis_seconds"]


def test_a_hysteresis_that_fades_has_the_same_doubt_at_any_time():
    """2·σ²/τ a second keeps an offset that fades within τ at σ² (Uhlenbeck and Ornstein 1930): 5 mV, 50 s."""
    parameters = JointFilterParameters.from_mapping({**CELL, "hysteresis_seconds": 50})

    assert parameters.state_names[1] == "hyst"
    assert parameters.initial_covariance[1][1] == pytest.approx(25e-6)
    assert parameters.process_noise_per_second[1] == pytest.approx(2 * 25e-6 / 50)


def test_the_constructor_refuses_what_a_mapping_may_not_say():
    with pytest.raises(InvalidParameters) as refused:
        JointFilterParameters(capacity_ah=2.5, r0_ohm=-0.03, ocv_soc=(0.0, 1.0), ocv_voltage=(3.0, 4.2))
    assert list(refused.value.fields) == ["r0_ohm"]


def test_a_form_finds_title_unit_and_explanation_of_every_field():
    described = {each.name: each for each in field_descriptions()}

    assert described["capacity_ah"].unit == "Ah"
    assert described["ocv_interpolation"].choices == ("linear", "cubic")
    assert described["has_hysteresis"].choices == (True, False)
    assert [name for name, each in described.items() if each.is_needed] == list(CELL)
    assert all(each.title and each.explanation.endswith(".") for each in described.values())
