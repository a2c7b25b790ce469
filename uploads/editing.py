"""Scripts written in a form: an editor with numbered lines, its syntax check, and what a version changed."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.db.models.fields.files import FieldFile
from django.http import HttpRequest, JsonResponse
from django.urls import reverse_lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from uploads.errors import ScriptRefused
from uploads.storage import lines_of

CONTEXT_LINES = 3


class ScriptEditor(forms.Textarea):
    """A text area; where there is JavaScript it gets line numbers, and the door `checked_at` looks at what is typed."""

    class Media:
        js = (forms.Script("js/admin/script_editor.js", defer=True),)

    def __init__(self, checked_at: str) -> None:
        attrs = {
            "rows": 24, "cols": 100, "spellcheck": "false", "autocapitalize": "off", "autocomplete": "off",
            "data-script-editor": reverse_lazy(checked_at),
        }  # fmt: skip
        super().__init__(attrs=attrs)


class ScriptFile(forms.FileInput):
    """An upload that JavaScript reads into the editor of the field `into`, so that it is seen before it is sent."""

    def __init__(self, into: str) -> None:
        super().__init__(attrs={"accept": ".py,text/x-python,text/plain", "data-read-into": f"id_{into}"})


def syntax_of(request: HttpRequest, check: Callable[[str], str]) -> JsonResponse:
    """What `check` says of the posted `definition`, compiled and never run: {"line", "message"}, empty if well."""
    try:
        check(request.POST.get("definition", ""))
    except ScriptRefused as refused:
        return JsonResponse({"line": refused.line, "message": refused.message})
    return JsonResponse({"line": None, "message": ""})


def numbered(script: FieldFile, error_line: int | None) -> SafeString:
    """The script with numbered lines, the line of its last error marked."""
    lines = [
        (format_html("<mark>{}  {}</mark>" if line.is_wrong else "{}  {}", f"{line.number:4}", line.text),)
        for line in lines_of(script, error_line)
    ]
    return _shown(lines)


def changes_between(before: str, after: str, names: tuple[str, str]) -> SafeString | str:
    """The lines that differ, with a few around them; empty where none do."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), *names, n=CONTEXT_LINES, lineterm=""))
    if not lines:
        return ""
    marks: dict[str, str] = {"+": "ins", "-": "del"}
    shown: list[tuple[Any]] = []
    for place, line in enumerate(lines):
        tag = marks.get(line[:1]) if place > 1 else None
        shown.append((format_html(f"<{tag}>{{}}</{tag}>", line) if tag else line,))
    return _shown(shown)


def _shown(lines: Iterable[tuple[Any]]) -> SafeString:
    return format_html('<pre class="script" tabindex="0">{}</pre>', format_html_join("\n", "{}", lines))
