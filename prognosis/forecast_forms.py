"""Forms that ask for a forecast of one battery; those for a fleet and for several loads are in group_forms.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.conf import settings

from access.errors import Refused
from datahub.errors import NoSuchBattery
from datahub.models import Battery
from datahub.queries import battery_named
from prognosis.forecasting.load import Load, load_from
from prognosis.forecasting.phases import PERIODS
from prognosis.forecasting.runs import Way, usual_way
from prognosis.models import ForecastRun
from prognosis.queries import current_forecaster
from prognosis.requests import uploaded_csv
from prognosis.states import ForecasterKind

SECONDS_A_UNIT = {"s": 1.0, "h": 3600.0, "d": 86_400.0, "y": 365.25 * 86_400.0}
UNITS = [("y", "years"), ("d", "days"), ("h", "hours"), ("s", "seconds")]
KINDS = [
    ("auto", "Best by back-test"),
    ("ageing", "Ageing model: heeds the load"),
    ("trend", "Trend: goes on as before"),
]
PRESETS = [("", "as its metadata say"), ("lfp", "LFP"), ("nmc", "NMC"), ("nca", "NCA")]
LOADS = [
    ("none", "As before, time alone"),
    ("last_days", "As in the last days"),
    ("current", "Constant current, A (+ charging)"),
    ("power", "Constant power, W (+ charging)"),
    ("csv", "CSV: test_time in s and current, power or temperature"),
    ("dataset", "As another battery did"),
    ("phases", "Several phases, as JSON"),
]
FIELD_OF = {  # a load's field to the form's
    "ahead_time": "ahead", "resolution": "step", "dataset.battery": "dataset_battery",
    "dataset.start": "dataset_start", "dataset.end": "dataset_end", "dataset": "dataset_battery",
    "options.preset": "preset",
}  # fmt: skip
EXAMPLE_OF_PHASES = '[{"duration": 31557600, "last_days": 7},\n {"last_days": 7, "temperature_offset": -10}]'


def shown_for(chosen: str, field: forms.Field) -> forms.Field:
    """Shown where the form's radio button of that value is chosen: static/css/parts.css."""
    field.shown_for = chosen  # type: ignore[attr-defined]
    return field


class LoadForm(forms.Form):
    """How far ahead, under which load, by what; once valid, `load` and `way` are what verbs take."""

    kind = forms.ChoiceField(choices=KINDS, required=False, label="Forecaster")
    ahead = forms.FloatField(initial=10, min_value=0, label="Ahead")
    ahead_unit = forms.ChoiceField(choices=UNITS, initial="y", label="Unit")
    profile = forms.ChoiceField(choices=LOADS, initial="none", widget=forms.RadioSelect, label="Load")
    last_days = shown_for(
        "last_days", forms.FloatField(required=False, initial=7, label="Days", help_text="Its newest.")
    )
    current = shown_for(
        "current", forms.FloatField(required=False, label="Current, A", help_text="Positive while charging.")
    )
    power = shown_for("power", forms.FloatField(required=False, label="Power, W", help_text="+ charging."))
    csv = shown_for(
        "csv",
        forms.FileField(
            required=False, label="CSV", help_text="Each row holds from its test_time (s from now) to the next row."
        ),
    )
    repeat = shown_for(
        "csv",
        forms.ChoiceField(
            choices=[("", "once"), ("day", "each day"), ("week", "each week")], required=False, label="Repeated"
        ),
    )
    dataset_battery = shown_for("dataset", forms.CharField(required=False, max_length=255, label="Battery"))
    dataset_start = shown_for(
        "dataset", forms.FloatField(required=False, label="From, s", help_text="Of its test time.")
    )
    dataset_end = shown_for(
        "dataset", forms.FloatField(required=False, label="To, s", help_text="Empty: its newest row.")
    )
    phases = shown_for(
        "phases",
        forms.CharField(
            required=False,
            widget=forms.Textarea(attrs={"rows": 5, "cols": 60, "placeholder": EXAMPLE_OF_PHASES}),
            label="Phases",
            help_text="A list of maps: duration in s, and current, power, profile, last_days or dataset.",
        ),
    )
    step = forms.FloatField(required=False, min_value=0, label="Step", help_text="Empty: about 120 of them.")
    step_unit = forms.ChoiceField(choices=UNITS, initial="d", required=False, label="Unit")
    temperature = forms.FloatField(required=False, label="Temperature, °C", help_text="Empty: as it was.")
    temperature_offset = forms.FloatField(required=False, label="Warmer by, °C", help_text="Below 0: cooler.")
    max_c_rate = forms.FloatField(
        required=False, min_value=0, label="Charged at most with, 1/h", help_text="C-rate: 0.5 takes two hours."
    )
    preset = forms.ChoiceField(choices=PRESETS, required=False, label="Chemistry")
    threshold = forms.FloatField(required=False, min_value=0, max_value=100, label="Worn out below, % SOH")
    as_of = forms.FloatField(
        required=False, label="As of, s of test time", help_text="Made of nothing newer, to see how it would have done."
    )

    first_fields: tuple[str, ...] = ("kind", "ahead", "ahead_unit", "profile")
    load_fields: tuple[str, ...] = (
        "last_days", "current", "power", "csv", "repeat", "dataset_battery", "dataset_start", "dataset_end", "phases",
    )  # fmt: skip
    more_fields: tuple[str, ...] = (
        "step", "step_unit", "temperature", "temperature_offset", "max_c_rate", "preset", "threshold", "as_of",
    )  # fmt: skip

    load: Load
    way: Way

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "threshold" not in self.fields:  # the admin shows a record that nobody may change
            return
        self.fields["threshold"].widget.attrs["placeholder"] = f"{100 * settings.END_OF_LIFE_SOH:g}"
        self.fields["threshold"].help_text = f"Empty: {100 * settings.END_OF_LIFE_SOH:g} %."

    def first(self) -> Iterator[forms.BoundField]:
        return (self[name] for name in self.first_fields)

    def of_load(self) -> Iterator[forms.BoundField]:
        return (self[name] for name in self.load_fields)

    def more(self) -> Iterator[forms.BoundField]:
        return (self[name] for name in self.more_fields)

    def has_more(self) -> bool:
        """Whether something behind the fold is filled in, or at fault: then it stands open."""
        if any(name in self.errors for name in self.more_fields):
            return True
        return any(self[name].value() not in (None, "") for name in self.more_fields if name != "step_unit")

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if {"ahead", "profile"} - set(given) or self.errors:
            return given
        try:
            self.load = load_from(self._described(), self._csv_text(), strict=True, resolution=None)
        except Refused as refused:
            self.add_refusal(refused)
        self.way = self._way()
        return given

    def add_refusal(self, refused: Refused) -> None:
        """Its complaints beside the fields that they are about, the rest above the form."""
        for name, complaints in refused.fields.items():
            field = FIELD_OF.get(name, name)
            if name.startswith("phases"):
                field, complaints = "phases", [f"{name}: {text}" for text in complaints]
            if field in self.fields:
                self.add_error(field, complaints)
            else:
                self.add_error(None, complaints)
        if not refused.fields:
            self.add_error(None, f"{refused.message} {refused.hint}".strip())

    def _described(self) -> dict[str, Any]:
        given, kind = self.cleaned_data, self.cleaned_data["profile"]
        values: dict[str, Any] = {"ahead_time": given["ahead"] * SECONDS_A_UNIT[given["ahead_unit"]]}
        if given.get("step"):
            values["resolution"] = given["step"] * SECONDS_A_UNIT[given.get("step_unit") or "d"]
        elif given.get("step") == 0:
            self.add_error("step", "0 is not above 0 s.")
        if kind in ("current", "power", "last_days"):
            values[kind] = given.get(kind)
            if values[kind] is None:
                self.add_error(kind, "Give its value.")
        if kind == "dataset":
            parts = {name: given.get(f"dataset_{name}") for name in ("battery", "start", "end")}
            values["dataset"] = {name: value for name, value in parts.items() if value not in (None, "")}
            if "battery" not in values["dataset"]:
                self.add_error("dataset_battery", "Name a battery.")
        if kind == "csv" and given.get("repeat"):
            values["repeat"] = given["repeat"]
        modifiers = {name: given.get(name) for name in ("temperature", "temperature_offset", "max_c_rate")}
        modifiers = {name: value for name, value in modifiers.items() if value not in (None, "")}
        if kind == "phases":
            values["phases"] = self._json("phases")
            for name in modifiers:
                self.add_error(name, "With phases, give it in each of them.")
            return values
        return values | modifiers

    def _json(self, name: str) -> Any:
        try:
            return json.loads(self.cleaned_data.get(name) or "null") or []
        except ValueError as wrong:
            self.add_error(name, f"It is no JSON: {wrong}.")
            return []

    def _csv_text(self) -> str:
        if self.cleaned_data["profile"] != "csv":
            return ""
        file = self.cleaned_data.get("csv")
        if file is None:
            self.add_error("csv", "Choose a file.")
            return ""
        try:
            return uploaded_csv(file)
        except Refused as refused:
            self.add_error("csv", refused.message)
            return ""

    def _way(self) -> Way:
        given = self.cleaned_data
        threshold = given.get("threshold")
        preset = given.get("preset")
        return Way(
            kind=given.get("kind") or "",
            options={"preset": preset} if preset else {},
            threshold=None if threshold is None else threshold / 100,
            as_of=given.get("as_of"),
        )


class ForecastForm(LoadForm):
    """One battery; its own forecaster is among the choices where it has one."""

    battery = forms.CharField(max_length=255)

    battery_asked: Battery

    def __init__(self, *args: Any, battery: Battery | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" not in self.fields:
            return
        own = current_forecaster(battery.name) if battery else None
        named = f"Its own: {own}" if own else "Its own, or the best by back-test"
        self.fields["kind"].choices = [("", named), *KINDS] if own or battery is None else KINDS  # type: ignore[attr-defined]

    def clean_battery(self) -> str:
        try:
            self.battery_asked = battery_named(self.cleaned_data["battery"])
        except NoSuchBattery as unknown:
            raise forms.ValidationError(unknown.message) from None
        return self.battery_asked.name

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if not self.errors and not self.way.kind:
            way = self.way
            self.way = usual_way(self.battery_asked, options=way.options, threshold=way.threshold, as_of=way.as_of)
        return given


class ForecastRunForm(ForecastForm, forms.ModelForm):
    """The same in the admin."""

    class Meta:
        model = ForecastRun
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("battery", "dataset_battery"):
            if name in self.fields:
                self.fields[name].widget.attrs["data-suggest"] = "/api/v1/batteries/?search="

    def _post_clean(self) -> None:
        """Puts nothing into a record: `request_run` makes it, and fields of the same name mean other things there."""


KNOWN_TO_FORM = ("last_days", "current", "power", "temperature", "temperature_offset", "max_c_rate")


def last_ask(run: ForecastRun | None) -> dict[str, Any]:
    """A form's initial values that ask for the same once more, as far as a form can say it."""
    if run is None:
        return {}
    load, unit = run.whole_load, "y"
    ahead = load.get("ahead_time", 0.0)
    unit = next((name for name, _ in UNITS if ahead >= SECONDS_A_UNIT[name]), "s")
    known = {name: load[name] for name in KNOWN_TO_FORM if isinstance(load.get(name), float | int)}
    dataset = load.get("dataset") or {}
    if run.profile:  # its file has to be chosen again
        known["repeat"] = next((name for name, seconds in PERIODS.items() if seconds == load.get("repeat")), "")
    elif "phases" in load or "profile" in load or isinstance(load.get("temperature"), dict):
        alone = {name: value for name, value in load.items() if name not in ("ahead_time", "resolution")}
        known, dataset = {"phases": json.dumps(load.get("phases") or [alone], indent=1)}, {}
    kind = next((name for name in ("phases", "last_days", "current", "power") if name in known), "none")
    return {
        **known,
        **{f"dataset_{name}": value for name, value in dataset.items()},
        "kind": run.kind if run.kind != ForecasterKind.SCRIPT and run.forecaster_id is None else "",
        "profile": "csv" if run.profile else "dataset" if dataset else kind,
        "ahead": f"{ahead / SECONDS_A_UNIT[unit]:.6g}",
        "ahead_unit": unit,
        "preset": run.options.get("preset", ""),
        "threshold": None if run.threshold in (None, settings.END_OF_LIFE_SOH) else f"{100 * (run.threshold or 0):g}",
    }
