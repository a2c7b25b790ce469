"""A form that registers a forecaster; those that ask for forecasts are in forecast_forms.py."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.base import File
from django.db import connection

from access.errors import Refused
from prognosis.forecast_forms import KINDS as BUILT_IN
from prognosis.forecast_forms import PRESETS
from prognosis.forecasting.sql import check_template
from prognosis.models import Forecaster
from prognosis.states import ForecasterKind
from prognosis.tables import sql_dialect
from prognosis.validators import check_name, check_options, check_script, check_support_files
from uploads.editing import ScriptEditor, ScriptFile
from uploads.forms import SeveralFiles, with_kept

KINDS = [("script", "A script of your own"), *BUILT_IN]
QUERY = "SELECT test_time, q_t__base_values, q_t__base_values_std FROM $TABLE_NAME$ ORDER BY test_time DESC LIMIT 20000"
SCRIPT = '''"""Capacity goes on along a straight line; its band grows with the distance."""

import numpy as np
import pandas as pd


def forecast(past_estimates, load):
    time = past_estimates["test_time"] - past_estimates["test_time"].iloc[-1]
    capacity = past_estimates["q_t__base_values"]
    slope, newest = np.polyfit(time, capacity, 1)
    spread = np.hypot(np.std(capacity - (newest + slope * time)), past_estimates["q_t__base_values_std"].iloc[-1])
    line = newest + slope * load["test_time"]
    growth = np.sqrt(1 + (load["test_time"] / max(-time.iloc[0], 1.0)) ** 2)
    return pd.DataFrame({"capacity": line, "capacity_std": spread * growth})
'''


class ForecasterForm(forms.ModelForm):
    """A new forecaster, or a new version of one; every fault stands beside its field."""

    batteries = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Names of the batteries that it is for, one a line. Empty: the battery of the forecaster's own name.",
    )
    definition = forms.CharField(
        required=False,
        strip=False,
        widget=ScriptEditor("admin:prognosis_forecaster_check"),
        label="Script",
        help_text="Defines forecast(past_estimates, load), both pandas DataFrames, and returns one.",
    )
    script_file = forms.FileField(
        required=False, label="Or a script file", help_text="UTF-8; takes the text's place.",
        widget=ScriptFile(into="definition"),
    )  # fmt: skip
    files = SeveralFiles(  # type: ignore[assignment]  # the form itself has `files`; fields live elsewhere
        required=False, label="Support files", help_text="They lie beside the script when it runs."
    )
    keep_files_of = forms.ModelChoiceField(
        Forecaster.objects.all(), required=False, widget=forms.HiddenInput, label="Keep the files of"
    )

    kind = forms.ChoiceField(
        choices=KINDS, required=False, initial="script", help_text="A built-in kind takes no script, query or files."
    )
    preset = forms.ChoiceField(choices=PRESETS, required=False, label="Chemistry", help_text="Of the ageing model.")

    class Meta:
        model = Forecaster
        fields = ("name", "kind", "sql_query")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        given: Any = self.fields
        kept = Forecaster.objects.filter(pk=self.initial.get("keep_files_of") or 0).first()
        names = [file.name for file in kept.files.all()] if kept else []
        if names and "files" in given:
            given["files"].help_text += f" Kept from v{kept.version}: {', '.join(names)}."  # type: ignore[union-attr]

    checked_script: str
    checked_files: list[File]
    options: dict[str, Any]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        given["kind"] = given.get("kind") or ForecasterKind.SCRIPT
        self.options = {"preset": given["preset"]} if given.get("preset") else {}
        if given["kind"] != ForecasterKind.SCRIPT:
            with _faults_at(self, "preset"):
                check_options(given["kind"], self.options)
            for name in self.battery_names():
                with _faults_at(self, "batteries"):
                    check_name(name)
            return given
        if not given.get("sql_query") and "sql_query" not in self.errors:
            self.add_error("sql_query", "This field is required.")
        file = given.get("script_file")
        with _faults_at(self, "script_file" if file else "definition"):
            self.checked_script = check_script(file.read() if file else given.get("definition", ""))
        if given.get("sql_query"):
            with _faults_at(self, "sql_query"):
                check_template(given["sql_query"], sql_dialect(connection.vendor))
        for name in self.battery_names():
            with _faults_at(self, "batteries"):
                check_name(name)
        with _faults_at(self, "files"):
            before = given.get("keep_files_of")
            self.checked_files = with_kept(given.get("files") or [], before.files.all() if before else ())
            check_support_files(self.checked_files)
        return given

    def battery_names(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data.get("batteries", "").splitlines() if line.strip()]


class _faults_at:  # noqa: N801  (reads as a verb where it stands)
    """Puts what is refused inside beside a field of the form."""

    def __init__(self, form: forms.BaseForm, field: str) -> None:
        self.form = form
        self.field = field

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Refused):
            return False
        self.form.add_error(self.field, error.message)
        return True
