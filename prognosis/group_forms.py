"""Forms that ask for many forecasts: of a fleet under one load, of one battery under several."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from django import forms

from access.errors import Refused
from prognosis.forecast_forms import KINDS, PRESETS, SECONDS_A_UNIT, LoadForm, shown_for
from prognosis.forecasting.groups import Chosen, GroupAsk, NamedLoad, named_loads_from
from prognosis.forecasting.runs import Way
from prognosis.states import ForecasterKind


class FleetForm(LoadForm):
    """Many batteries under one load; once valid, `chosen` and `asked` are what `request_fleet` takes."""

    title = forms.CharField(required=False, max_length=200, label="Title", help_text="To find it again.")
    which = forms.ChoiceField(
        choices=[("all", "All batteries"), ("text", "Those whose name holds a text"), ("names", "These batteries")],
        initial="all", widget=forms.RadioSelect, label="Batteries",
    )  # fmt: skip
    text = shown_for("text", forms.CharField(required=False, max_length=255, label="Text"))
    names = shown_for(
        "names",
        forms.CharField(
            required=False, widget=forms.Textarea(attrs={"rows": 4, "cols": 40}), label="Names", help_text="One a line."
        ),
    )

    chosen: Chosen
    asked: GroupAsk

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [*KINDS, ("script", "Each one's own forecaster")]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if self.errors:
            return given
        which = given["which"]
        names = [line.strip() for line in given.get("names", "").splitlines() if line.strip()]
        if which == "text" and not given.get("text"):
            self.add_error("text", "Give a part of the names.")
        if which == "names" and not names:
            self.add_error("names", "Give one name a line.")
        self.chosen = Chosen(names if which == "names" else (), given.get("text", "") if which == "text" else "")
        way = replace(self.way, kind=self.way.kind or ForecasterKind.AUTO)
        self.asked = GroupAsk(given.get("title", ""), way)
        return given


class ComparisonForm(forms.Form):
    """Today's duty beside gentler ones; once valid, `loads` and `asked` are what `request_comparison` takes."""

    ahead = forms.FloatField(initial=10, min_value=0, label="Ahead, years")
    days = forms.FloatField(initial=7, min_value=0, label="Today's duty: its last days", help_text="Repeated.")
    with_cap = forms.BooleanField(required=False, initial=True, label="No fast charging")
    cap = forms.FloatField(required=False, initial=0.3, min_value=0, label="Charged at most with, 1/h")
    with_offset = forms.BooleanField(required=False, initial=True, label="Cooler")
    offset = forms.FloatField(required=False, initial=-10, label="Warmer by, °C", help_text="Below 0: cooler.")
    kind = forms.ChoiceField(
        choices=[KINDS[1], KINDS[0], KINDS[2]], initial="ageing", required=False, label="Forecaster"
    )
    preset = forms.ChoiceField(choices=PRESETS, required=False, label="Chemistry")
    threshold = forms.FloatField(required=False, min_value=0, max_value=100, label="Worn out below, % SOH")
    more_loads = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 60, "placeholder": '[{"label": "rest", "current": 0}]'}),
        label="More loads, as JSON",
        help_text="A list of maps: label, and what a load takes.",
    )

    loads: list[NamedLoad]
    asked: GroupAsk

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if self.errors:
            return given
        extent = {"ahead_time": given["ahead"] * SECONDS_A_UNIT["y"]}
        today = {**extent, "last_days": given["days"]}
        wanted: list[dict[str, Any]] = [{"label": "today's duty", **today}]
        if given.get("with_cap"):
            cap = self._needed("cap", "Say how fast at most, or leave this load out.")
            wanted.append({"label": f"charged at most with {cap or 0:g}/h", **today, "max_c_rate": cap})
        if given.get("with_offset"):
            by = self._needed("offset", "Say by how much, or leave this load out.") or 0.0
            words = f"{abs(by):g} °C {'cooler' if by < 0 else 'warmer'}"
            wanted.append({"label": words, **today, "temperature_offset": by})
        wanted += [{**extent, **each} for each in self._more()]
        if self.errors:
            return given
        try:
            self.loads = named_loads_from(wanted)
        except Refused as refused:
            self._add(refused)
        threshold, preset = given.get("threshold"), given.get("preset")
        way = Way(
            kind=given.get("kind") or ForecasterKind.AGEING,
            options={"preset": preset} if preset else {},
            threshold=None if threshold is None else threshold / 100,
        )
        self.asked = GroupAsk("", way)
        return given

    def add_refusal(self, refused: Refused) -> None:
        self._add(refused)

    def _needed(self, name: str, why: str) -> float | None:
        value: float | None = self.cleaned_data.get(name)
        if value is None:
            self.add_error(name, why)
        return value

    def _more(self) -> list[dict[str, Any]]:
        try:
            more = json.loads(self.cleaned_data.get("more_loads") or "[]")
        except ValueError as wrong:
            self.add_error("more_loads", f"It is no JSON: {wrong}.")
            return []
        if not isinstance(more, list) or not all(isinstance(each, dict) for each in more):
            self.add_error("more_loads", "Give a list of maps.")
            return []
        return more

    def _add(self, refused: Refused) -> None:
        fields = {"ahead_time": "ahead", "last_days": "days", "max_c_rate": "cap", "temperature_offset": "offset"}
        if not refused.fields:
            self.add_error(None, f"{refused.message} {refused.hint}".strip())
        told: set[tuple[str | None, str]] = set()
        for path, complaints in refused.fields.items():
            name = path.rpartition("].")[2]
            field = fields.get(name, name)
            for complaint in complaints:
                place = field if field in self.fields else "more_loads" if path.startswith("loads") else None
                text = complaint if place == field else f"{path}: {complaint}"
                if (place, text) not in told:
                    told.add((place, text))
                    self.add_error(place, text)
