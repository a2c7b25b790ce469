"""Register an estimator by a form: a script with its files, or the built-in filter from a preset, fields or JSON."""

from __future__ import annotations

import json
import re
from typing import Any

from django import forms

from access.errors import Refused
from datahub.models import Battery
from twin.models import Estimator, ParameterSet
from twin.registration import checked_parameters
from twin.states import Kind
from twin.validators import check_required_time, check_script, check_support_files
from uploads.editing import ScriptEditor, ScriptFile
from uploads.forms import SeveralFiles, with_kept
from uploads.storage import text_of

KINDS = [
    (Kind.JOINT_UKF, "Built-in: joint unscented filter over SOC, RC currents, hysteresis, capacity and R0"),
    (Kind.SCRIPT, "Script: Python that defines an object called estimator"),
]
PARAMETER = "parameter_"  # before the names of the fields of a single parameter


class JsonText(forms.CharField):
    """A number, a list or a map as JSON; None where it is left empty."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            return json.loads(text, parse_constant=_no_constant)
        except ValueError as wrong:
            raise forms.ValidationError(_why_unread(text, wrong)) from None

    def prepare_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else json.dumps(value)


def _why_unread(text: str, wrong: ValueError) -> str:
    """
    >>> _why_unread("2,5", ValueError())
    'Write the number with a point: 2.5.'
    >>> _why_unread("0, 0.5, 1", ValueError())
    'Put the list in brackets: [0, 0.5, 1].'
    >>> _why_unread("[0, 1", json.JSONDecodeError("Expecting ',' delimiter", "[0, 1", 5))
    'This cannot be read after character 5. A number is written 2.5, a list [0, 0.5, 1], a map {"ohm": 0.01}.'
    """
    if re.fullmatch(r"[-+]?\d+,\d+", text):
        return f"Write the number with a point: {text.replace(',', '.')}."
    if re.fullmatch(r"[-+.\deE]+(\s*[,;]\s*[-+.\deE]+)+", text):
        return f"Put the list in brackets: [{text.replace(';', ',')}]."
    place = f"after character {wrong.pos}" if isinstance(wrong, json.JSONDecodeError) else f"({wrong})"
    return f'This cannot be read {place}. A number is written 2.5, a list [0, 0.5, 1], a map {{"ohm": 0.01}}.'


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


class EstimatorForm(forms.ModelForm):
    """A new version; once valid, `wishes` is what `register_estimator` takes beside the battery's name."""

    battery_name = forms.CharField(
        max_length=255,
        label="Battery",
        help_text="It need not exist yet.",
        widget=forms.TextInput(attrs={"size": 60, "data-suggest": "/api/v1/batteries/?search="}),
    )
    kind = forms.ChoiceField(choices=KINDS, initial=Kind.JOINT_UKF, widget=forms.RadioSelect)

    definition = forms.CharField(
        required=False, strip=False, label="Script", widget=ScriptEditor("admin:twin_estimator_check")
    )
    script_file = forms.FileField(
        required=False, label="or as a file", help_text="A file counts more than the text.",
        widget=ScriptFile(into="definition"),
    )  # fmt: skip
    files: Any = SeveralFiles(
        required=False, label="Support files", help_text="They lie beside the script when it runs."
    )
    keep_files_of = forms.ModelChoiceField(
        Estimator.objects.none(), required=False, widget=forms.HiddenInput, label="Files of the version before"
    )
    required_time = forms.FloatField(
        required=False, min_value=0, label="Required time, s", help_text="How much data there must be before it starts."
    )

    promote_when_caught_up = forms.BooleanField(
        required=False, initial=True, label="Promote when it has caught up",
        help_text="Where another version works already, that one stays current while this one replays the stored rows. "
        "Unchecked, this one is then promoted by hand.",
    )  # fmt: skip

    parameter_set = forms.ModelChoiceField(
        ParameterSet.objects.none(),
        required=False,
        empty_label="none",
        help_text="A cell model fitted to data; complete, so no preset is needed. What is given below counts more.",
    )
    preset = forms.ChoiceField(required=False, help_text="A typical cell; what is given below counts more.")
    parameters = JsonText(
        required=False, label="Parameters as JSON", widget=forms.Textarea(attrs={"rows": 6, "cols": 100}),
        help_text="A map of the names below to values. The single fields count more.",
    )  # fmt: skip

    class Meta:
        model = Estimator
        fields = ()

    wishes: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        from energykit.presets import PRESETS  # noqa: PLC0415  (numpy; a web process boots without it)
        from energykit.ukf import field_descriptions  # noqa: PLC0415  (as above)

        given: Any = self.fields
        given["preset"].choices = [("", "none"), *((key, each.title) for key, each in PRESETS.items())]
        given["keep_files_of"].queryset = Estimator.objects.all()
        given["parameter_set"].queryset = ParameterSet.objects.only("title")
        kept = given["keep_files_of"].queryset.filter(pk=self.initial.get("keep_files_of") or 0).first()
        if kept is not None and (names := [file.name for file in kept.files.all()]):
            given[
                "files"
            ].help_text += f" Kept from v{kept.version}: {', '.join(names)}; one of equal name replaces it."
        for described in field_descriptions():
            self.fields[PARAMETER + described.name] = JsonText(
                required=False,
                label=f"{described.title}, {described.unit}" if described.unit else described.title,
                help_text=described.explanation + _default_in_words(described.default),
                widget=_widget_of(described.choices),
            )

    @classmethod
    def parameter_fields(cls) -> tuple[str, ...]:
        from energykit.ukf import field_descriptions  # noqa: PLC0415  (as above)

        return tuple(PARAMETER + described.name for described in field_descriptions())

    def clean_battery_name(self) -> str:
        name: str = self.cleaned_data["battery_name"]
        Battery._meta.get_field("name").run_validators(name)
        return name

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("kind") == Kind.SCRIPT:  # the filter's fields do not count, and may be out of sight
            for name in [name for name in self.errors if name.startswith(PARAMETER)]:
                del self.errors[name]
        if self.errors:
            return given
        kind = given["kind"]
        by_itself = bool(given.get("promote_when_caught_up"))
        self.wishes = {
            "kind": kind,
            "promote_when_caught_up": by_itself,
            **(self._script() if kind == Kind.SCRIPT else self._built_in()),
        }
        return given

    def _post_clean(self) -> None:
        """The record is the verb's to make and to check."""

    def _script(self) -> dict[str, Any]:
        given = self.cleaned_data
        file, before = given.get("script_file"), given.get("keep_files_of")
        files = with_kept(given.get("files", []), before.files.all() if before else ())
        definition = file.read() if file else given.get("definition", "")
        seconds = 0.0
        for field, check in (
            ("script_file" if file else "definition", lambda: check_script(definition)),
            ("files", lambda: check_support_files(files)),
            ("required_time", lambda: check_required_time(given.get("required_time"))),
        ):
            try:
                check()
            except Refused as refused:
                self.add_error(field, refused.message)
        seconds = given.get("required_time") or 0.0
        return {"definition": definition, "files": files, "required_time": seconds}

    def _built_in(self) -> dict[str, Any]:
        given = self.cleaned_data
        whole = given.get("parameters") or {}
        if not isinstance(whole, dict):
            self.add_error("parameters", "Give a map of names to values.")
            return {}
        single = {
            name.removeprefix(PARAMETER): value
            for name, value in given.items()
            if name.startswith(PARAMETER) and name != "parameter_set" and value is not None
        }
        parameters = {**whole, **single}
        try:
            checked_parameters(parameters, given.get("preset", ""), given.get("parameter_set"))
        except Refused as refused:
            complaints = refused.fields.get("parameters")
            for name, complaint in complaints.items() if isinstance(complaints, dict) else []:
                beside = PARAMETER + name if PARAMETER + name in self.fields else "parameters"
                self.add_error(beside, complaint)
            if not self.errors:
                self.add_error("preset", refused.message)
        return {
            "parameters": parameters,
            "preset": given.get("preset", ""),
            "parameter_set": given.get("parameter_set"),
        }


def beginning_from(before: Estimator) -> dict[str, Any]:
    """What the form shows first for a new version of an estimator."""
    return {
        "battery_name": before.battery.name,
        "kind": before.kind,
        "definition": text_of(before.script),
        "keep_files_of": before.pk,
        "required_time": before.required_time,
        "parameters": json.dumps(before.parameters) if before.parameters else "",
    }


def _widget_of(choices: tuple[str | bool, ...]) -> forms.Widget:
    """A list to choose from, whose values are JSON as all others are, or a line to write in."""
    if not choices:
        return forms.TextInput(attrs={"size": 100})
    return forms.Select(choices=[("", "---------"), *((json.dumps(each), _in_words(each)) for each in choices)])


def _default_in_words(default: Any) -> str:
    if default is None:
        return ""
    return f" When empty: the preset's, or else {'derived from the cell' if default == [] else _in_words(default)}."


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value)
