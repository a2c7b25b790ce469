"""Ask for a fit by a form."""

from __future__ import annotations

from typing import Any

from django import forms

from access.errors import Refused
from twin.fitting.wishes import FitRequest, fit_request


class FitForm(forms.Form):
    """Which rows, and what is known of the cell; once valid, `wishes` is what `request_fit` takes."""

    title = forms.CharField(
        required=False, max_length=200, label="Name", help_text="Of the parameter set; may be empty."
    )
    start = forms.FloatField(required=False, label="From test_time, s", help_text="Empty: from the first row.")
    end = forms.FloatField(required=False, label="To test_time, s", help_text="Empty: to the last row.")
    first_row = forms.IntegerField(required=False, label="First row", help_text="Of that span, counted from 0.")
    end_row = forms.IntegerField(
        required=False, label="End before row", help_text="The first cycles are best: an estimator starts there."
    )
    preset = forms.ChoiceField(
        required=False, label="Preset", help_text="For the OCV curve, where no whole cycle shows it."
    )
    capacity_ah = forms.FloatField(
        required=False, label="Capacity, Ah", help_text="Counts where no whole cycle shows it."
    )
    spans_all = forms.BooleanField(
        required=False,
        label="From empty to full",
        help_text="The lowest and the highest point of these rows are empty and full, also at their begin and end.",
    )

    wishes: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        from energykit.presets import PRESETS  # noqa: PLC0415  (with its siblings, which need numpy)

        preset: Any = self.fields["preset"]
        preset.choices = [("", "the one that fits best"), *((key, each.title) for key, each in PRESETS.items())]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        self.wishes = {name: given.get(name) for name in FitRequest.__dataclass_fields__}
        if not self.errors:
            try:
                fit_request(self.wishes)
            except Refused as refused:
                for name, complaints in refused.fields.items():
                    self.add_error(name, complaints)
        return given
