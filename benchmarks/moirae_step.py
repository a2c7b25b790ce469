"""A step of ROVI's Moirae, where it is installed: its joint filter with four states on the cell of the other lines."""

import time

import numpy as np

from energykit.ukf import FilterRows


def microseconds(rows: FilterRows, soc: tuple[float, ...], voltage: tuple[float, ...]) -> float:
    """CPU time a step."""
    from moirae.estimators.online.joint import JointEstimator
    from moirae.models.ecm import ECMASOH, ECMInput, ECMMeasurement, ECMTransientVector, EquivalentCircuitModel

    asoh = ECMASOH.model_validate(
        {
            "q_t": {"base_values": 2.5},
            "ce": 1.0,
            "ocv": {
                "ocv_ref": {
                    "base_values": [list(voltage)],
                    "soc_pinpoints": list(soc),
                    "interpolation_style": "linear",
                },
                "ocv_ent": {"base_values": 0.0},
            },
            "r0": {"base_values": 0.03},
            "rc_elements": [],
            "h0": {"base_values": 0.0, "gamma": 0.0},
        }
    )
    asoh.mark_updatable("q_t.base_values")
    asoh.mark_updatable("r0.base_values")
    transients = ECMTransientVector.from_asoh(asoh)
    transients.soc = np.atleast_2d(0.5)
    estimator = JointEstimator.initialize_unscented_kalman_filter(
        cell_model=EquivalentCircuitModel(),
        initial_asoh=asoh,
        initial_transients=transients,
        initial_inputs=ECMInput(time=0.0, current=0.0, temperature=25.0),
        covariance_transient=np.diag([1e-2, 1e-6]),
        covariance_asoh=np.diag([1.6e-2, 3.6e-5]),
        transient_covariance_process_noise=np.diag([1e-8, 1e-10]),
        asoh_covariance_process_noise=np.diag([1e-8, 1e-10]),
        covariance_sensor_noise=np.array([[4e-6]]),
    )
    pairs = [
        (ECMInput(time=time_, current=current, temperature=25.0), ECMMeasurement(terminal_voltage=volts))
        for time_, current, volts in zip(rows.time, rows.current, rows.voltage, strict=True)
    ]
    begun = time.process_time()
    for inputs, measurements in pairs:
        estimator.step(inputs, measurements)
    return (time.process_time() - begun) / len(pairs) * 1e6
