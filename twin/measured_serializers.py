"""What was measured, on the wire. Definitions: docs/explanation/measurements.md."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


def _number(meaning: str, *, known: bool = False) -> Any:
    return serializers.FloatField(allow_null=not known, help_text=meaning)


class MeasuredCycleSerializer(serializers.Serializer):
    place = serializers.IntegerField(help_text="0 is the battery's first cycle; the cursor `after` goes by it.")
    cycle = serializers.IntegerField(help_text="cycle_number of its rows; where they have none, place + 1.")
    start_time = _number("test_time of its first row, s.", known=True)
    end_time = _number("test_time of the next cycle's first row, s.", known=True)
    duration_s = _number("s", known=True)
    charge_ah = _number("Charged, Ah.", known=True)
    discharge_ah = _number("Discharged, Ah.", known=True)
    charge_wh = _number("Energy taken in, Wh.", known=True)
    discharge_wh = _number("Energy given, Wh.", known=True)
    efficiency = _number(
        "Coulombic: discharge over charge; null where the cycle did not come back to where it began, or has a gap."
    )
    energy_efficiency = _number("Energy given over energy taken in; null likewise.")
    mean_temperature = _number("Weighted with time, °C.")
    highest_temperature = _number("°C")
    gap_seconds = _number("Of its duration, that in gaps, where nothing is integrated, s.", known=True)
    throughput_ah = _number("In and out, of all cycles to the end of this one, Ah.", known=True)
    throughput_wh = _number("The same in Wh.", known=True)
    efc = _number("Equivalent full cycles: throughput_ah over twice the nominal capacity; null without that.")
    measured_ah = _number("Measured capacity, Ah; null where the cycle cannot tell.")
    measured_sd_ah = _number("Its standard deviation, Ah.")
    kind = serializers.ChoiceField(
        choices=["full", "scaled"],
        allow_null=True,
        help_text="full: the charge from full to empty. scaled: charge over the span of SOC by the current estimator.",
    )
    estimated_ah = _number("Capacity that the current estimator has at the end of that discharge, Ah.")
    estimated_sd_ah = _number("Its standard deviation, Ah.")


class MeasuredCyclesSerializer(serializers.Serializer):
    next_after = serializers.IntegerField(allow_null=True, help_text="The cursor for what comes next; null: no more.")
    results = MeasuredCycleSerializer(many=True)


class MeasuredResistanceSerializer(serializers.Serializer):
    row_id = serializers.IntegerField(help_text="The row after the step; the cursor `after` goes by it.")
    test_time = _number("Of that row, s.", known=True)
    ohm = _number("Change of voltage over change of current, Ω.", known=True)
    ohm_sd = _number("Its standard deviation, from noise and drift of the voltage, Ω.", known=True)
    delay_s = _number("Between the rows before and after the step, s.", known=True)
    is_charge = serializers.BooleanField(help_text="Whether the larger of both currents charges.")
    current_before = _number("A, positive while charging.", known=True)
    current_after = _number("A, positive while charging.", known=True)
    temperature = _number("°C")
    soc = _number("Of the current estimator at that row, 0 to 1.")
    soc_sd = _number("Its standard deviation.")
    r0 = _number("R0 that the current estimator has at that row, Ω.")
    r0_sd = _number("Its standard deviation, Ω.")


class MeasuredResistancesSerializer(serializers.Serializer):
    next_after = serializers.IntegerField(allow_null=True, help_text="The cursor for what comes next; null: no more.")
    results = MeasuredResistanceSerializer(many=True)


class TimeInBandSerializer(serializers.Serializer):
    above = _number("Lower bound, which belongs to the band; null: none.")
    below = _number("Upper bound; null: none.")
    seconds = _number("Time spent in it, s.", known=True)


class OpenCycleSerializer(serializers.Serializer):
    """The cycle that goes on, up to the newest row measured."""

    number = serializers.IntegerField(help_text="Its cycle number.")
    start_time = _number("s", known=True)
    charge_ah = _number("Ah", known=True)
    discharge_ah = _number("Ah", known=True)
    charge_wh = _number("Wh", known=True)
    discharge_wh = _number("Wh", known=True)
    gap_seconds = _number("s", known=True)


class MeasuredTotalsSerializer(serializers.Serializer):
    rows = serializers.IntegerField(help_text="Rows measured from.")
    rows_waiting = serializers.IntegerField(help_text="Rows stored and not measured so far.")
    latest_time = _number("test_time of the newest row measured, s.")
    stale_from = _number("Rows came late from this test_time (s) on: what follows is being measured anew.")
    again_rows = serializers.IntegerField(allow_null=True, help_text="Rows measured anew so far; null: none are.")
    again_of = serializers.IntegerField(allow_null=True, help_text="About so many are to be measured anew.")
    nominal_capacity_ah = _number("By which EFC and C-rates are counted, Ah.")
    charge_ah = _number("Charged in all, Ah.")
    discharge_ah = _number("Discharged in all, Ah.")
    charge_wh = _number("Energy taken in, Wh.")
    discharge_wh = _number("Energy given, Wh.")
    throughput_ah = _number("In and out, Ah.")
    throughput_wh = _number("In and out, Wh.")
    efc = _number("Equivalent full cycles: throughput_ah over twice the nominal capacity.")
    cycles = serializers.IntegerField(help_text="Whole cycles.")
    open_cycle = OpenCycleSerializer(allow_null=True)
    charging_seconds = _number("s")
    discharging_seconds = _number("s")
    resting_seconds = _number("Time at a current below C/200, s.")
    gap_seconds = _number("Time between rows too far apart to integrate across, s.")
    gaps = serializers.IntegerField(help_text="How often rows were that far apart.")
    lowest_voltage = _number("V")
    highest_voltage = _number("V")
    lowest_current = _number("A, positive while charging.")
    highest_current = _number("A, positive while charging.")
    lowest_temperature = _number("°C")
    highest_temperature = _number("°C")
    temperature_bands = TimeInBandSerializer(many=True, help_text="Bounds in °C.")
    soc_bands = TimeInBandSerializer(many=True, help_text="Bounds from 0 to 1; empty where no estimator tells the SOC.")
    soc_version = serializers.IntegerField(allow_null=True, help_text="Version of the estimator that tells the SOC.")
