"""What the charts of a fit draw: the OCV against the data, pulses, the voltage and what is left of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rovi_site.pages.gaps import with_gaps

DAY, HOUR = 86_400.0, 3_600.0

Numbers = Sequence[float]
Gapped = list[float | None]


def charts_of(plots: Mapping[str, Any]) -> dict[str, Any]:
    """Each as static/js/charts.js takes it; a chart without data is left out."""
    charts = {
        "ocv": _ocv(plots.get("ocv") or {}),
        "pulses": _pulses(plots.get("pulses") or []),
        "voltage": _voltage(plots.get("voltage") or {}, plots.get("residuals") or {}),
    }
    return {name: chart for name, chart in charts.items() if chart is not None}


def _ocv(plot: Mapping[str, Any]) -> dict[str, Any] | None:
    fit = plot.get("fit")
    if not fit:
        return None
    lines = []
    for name, words, colour in (
        ("charge", "measured charge", "series-1"),
        ("discharge", "measured discharge", "series-2"),
    ):
        if name in plot:
            lines.append(_line(words, plot[name]["soc"], plot[name]["voltage"], colour, "V", t_scale=100.0))
    if "rows" in plot:
        t, y = _as_points(plot["rows"]["soc"], plot["rows"]["voltage"], 100.0)
        lines.append({"t": t, "y": y, "name": "rows less resistances", "colour": "series-1", "unit": "V"})
    lines.append(_line("fitted OCV", fit["soc"], fit["voltage"], "series-5", "V", t_scale=100.0))
    return _chart([{"title": "Voltage, V", "lines": lines}], "SOC, %", [-2.0, 102.0], "OCV curve against the data")


def _pulses(pulses: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    panels = []
    for number, pulse in enumerate(pulses, start=1):
        seconds, current = pulse["seconds"], pulse["current"]
        step = f"{current[0]:.2f} to {current[1]:.2f} A".replace("-", "−") if len(current) > 1 else ""
        t, y = _as_points(seconds, pulse["measured_mv"])
        panels.append(
            {
                "title": f"Step {number}: {step}; voltage change, mV",
                "lines": [
                    {"t": t, "y": y, "name": f"step {number} measured", "colour": "series-1", "unit": "mV"},
                    _line(f"step {number} fitted", seconds, pulse["fitted_mv"], "series-5", "mV"),
                ],
            }
        )
    if not panels:
        return None
    longest = max(pulse["seconds"][-1] for pulse in pulses)
    return _chart(panels, "time since the step, s", [0.0, longest], "Largest current steps, measured and fitted")


def _voltage(voltage: Mapping[str, Any], residuals: Mapping[str, Any]) -> dict[str, Any] | None:
    times = voltage.get("time")
    if not times:
        return None
    unit, words = (DAY, "d") if times[-1] - times[0] > 4 * DAY else (HOUR, "h")
    scale = 1.0 / unit
    band = residuals["band_mv"]
    panels: list[dict[str, Any]] = [
        {
            "title": "Voltage, V",
            "lines": [
                _with_gaps("measured", times, voltage["measured"], "series-1", scale),
                _with_gaps("predicted", times, voltage["predicted"], "series-2", scale),
            ],
        },
        {
            "title": "Measured less predicted, mV",
            "zero": True,
            "lines": [
                _with_band("residual", "expected 95 %", residuals["time"], residuals["residual_mv"], band, scale)
            ],
        },
    ]
    edges = [times[0] * scale, times[-1] * scale]
    return _chart(panels, f"test time, {words}", edges, "Voltage over the fitted rows, measured and predicted")


def _line(name: str, t: Numbers, y: Numbers, colour: str, unit: str, t_scale: float = 1.0) -> dict[str, Any]:
    return {"t": [t_scale * each for each in t], "y": list(y), "name": name, "colour": colour, "unit": unit}


def _with_gaps(name: str, t: Numbers, y: Numbers, colour: str, t_scale: float) -> dict[str, Any]:
    times, values = with_gaps(list(t), list(y))
    scaled = [None if each is None else t_scale * each for each in times]
    return {"t": scaled, "y": values, "name": name, "colour": colour, "unit": "V"}


def _with_band(name: str, words: str, t: Numbers, y: Numbers, band: Numbers, t_scale: float) -> dict[str, Any]:
    """About 0."""
    times, values, lower, upper = with_gaps(list(t), list(y), [-each for each in band], list(band))
    scaled = [None if each is None else t_scale * each for each in times]
    line = {"t": scaled, "y": values, "lower": lower, "upper": upper, "name": name, "legend": f"{name}, {words}"}
    return line | {"colour": "series-1", "unit": "mV"}


def _as_points(t: Numbers, y: Numbers, scale: float = 1.0) -> tuple[Gapped, Gapped]:
    """With a gap after each: what stands alone is drawn as a point."""
    times: Gapped = []
    values: Gapped = []
    for at, value in zip(t, y, strict=True):
        times += [scale * at, None]
        values += [value, None]
    return times, values


def _chart(panels: list[dict[str, Any]], x_title: str, x_range: list[float], label: str) -> dict[str, Any]:
    return {"panels": panels, "x": {"title": x_title, "range": x_range}, "label": label}
