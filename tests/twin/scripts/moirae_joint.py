"""ROVI's Moirae on the simulated cell: the estimator that made tests/data/moirae_on_simulated_cell_*.csv."""

import json
from pathlib import Path

import numpy as np
from moirae.estimators.online.dual import DualEstimator
from moirae.estimators.online.joint import JointEstimator
from moirae.models.ecm import ECMASOH, ECMInput, ECMTransientVector, EquivalentCircuitModel

described = json.loads(Path("described.json").read_text())
case = described["cases"][described["case"]]
pairs = [{"r": {"base_values": described["r1"]}, "c": {"base_values": described["c1"]}}]

asoh = ECMASOH.model_validate(
    {
        "q_t": {"base_values": described["q_t"]},
        "ce": described["ce"],
        "ocv": {
            "ocv_ref": {
                "base_values": [described["ocv_knots"]],
                "soc_pinpoints": described["soc_knots"],
                "interpolation_style": "linear",
            },
            "ocv_ent": {"base_values": 0.0},
        },
        "r0": {"base_values": described["r0"]},
        "rc_elements": pairs if described["case"] == "one_rc" else [],
        "h0": {"base_values": 0.0, "gamma": 0.0},
    }
)
asoh.mark_updatable("q_t.base_values")
asoh.mark_updatable("r0.base_values")
transients = ECMTransientVector.from_asoh(asoh)
transients.soc = np.atleast_2d(case["initial_mean"][0])

size = len(case["initial_mean"]) - 2  # the last two are health
covariance = np.array(case["initial_covariance"])
noise = np.diag(case["process_noise"])
make = {"joint": JointEstimator, "dual": DualEstimator}[described["make"]]
estimator = make.initialize_unscented_kalman_filter(
    cell_model=EquivalentCircuitModel(),
    initial_asoh=asoh,
    initial_transients=transients,
    initial_inputs=ECMInput(time=0.0, current=0.0, temperature=25.0),
    covariance_transient=covariance[:size, :size],
    covariance_asoh=covariance[size:, size:],
    transient_covariance_process_noise=noise[:size, :size],
    asoh_covariance_process_noise=noise[size:, size:],
    covariance_sensor_noise=np.array([[case["sensor_variance"]]]),
)
