"""What the admins of all rooms share: badges, links from a record to its page and API, actions that ask first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from access.errors import Refused
from access.roles import Role, role_of

NAMED = 10  # records that a question names; of more it gives the number
WORDS_BESIDE = ("tag",)  # fields that a list of records may have beside its actions
REASONS = 3  # different ones that a message gives
# The sign of a state to its drawing and its tone, which are those of the pages.
SIGNS = {
    "●": ("ok", "ok"), "▲": ("warn", "warn"), "✕": ("bad", "bad"), "○": ("idle", "idle"), "◐": ("run", "run"),
    "■": ("ended", "idle"), "◇": ("sim", "sim"),
}  # fmt: skip

Verb = Callable[[Any, HttpRequest, Any], Any]
Action = Callable[[Any, HttpRequest, QuerySet], HttpResponse | None]


def badge(sign: str, word: str, sentence: str = "") -> SafeString:
    """A state as shape and word; its sentence comes when it is pointed at."""
    shape, tone = SIGNS[sign]
    return format_html(
        '<span class="badge tone-{}" title="{}"><svg class="shape" aria-hidden="true"><use href="#shape-{}"/></svg>{}'
        "</span>",
        tone, sentence, shape, word,
    )  # fmt: skip


def told(sign: str, word: str, sentence: str) -> SafeString:
    """The same with its sentence beside it."""
    return format_html("{} {}", badge(sign, word), sentence)


def links_to(*links: tuple[str, str]) -> SafeString:
    """Of (word, address); those without an address are left out."""
    return format_html_join(" · ", '<a href="{}">{}</a>', ((address, word) for word, address in links if address))


def address_of(route: str, *arguments: Any) -> str:
    """Empty where the site has no route of that name: pages lie in rooms above."""
    try:
        return reverse(route, args=arguments)
    except NoReverseMatch:
        return ""


def words_of_kind(label: str) -> str:
    """`forecast` of prognosis.forecastrun; the label itself of a room that is not installed any more."""
    try:
        return str(apps.get_model(label)._meta.verbose_name)
    except (LookupError, ValueError):
        return label


class OurPages:
    """For every ModelAdmin: titles that name the record, and links to its page and its API address."""

    made_once = False  # no form changes it later, so there is nothing to go on editing
    typed_name = False  # its name is typed before it is deleted
    only_in_list: tuple[str, ...] = ()  # actions that need a word beside them, for which a record has no field
    page_route = ""  # takes the id, unless `page_of` says otherwise
    api_route = ""

    def page_of(self, record: Any) -> str:
        return address_of(self.page_route, record.pk) if self.page_route else ""

    def api_of(self, record: Any) -> str:
        return address_of(self.api_route, record.pk) if self.api_route else ""

    @admin.display(description="links")
    def ways(self, record: Any) -> SafeString:
        """A column: to the record's page and API address."""
        return links_to(("Page", self.page_of(record)), ("API", self.api_of(record)))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        title = capfirst(self.opts.verbose_name_plural)  # type: ignore[attr-defined]
        found: HttpResponse = super().changelist_view(request, {"title": title, **(extra_context or {})})  # type: ignore[misc]
        return found

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        record = kwargs.get("obj")
        if self.made_once:
            context |= {"show_save_and_continue": False, "show_save_and_add_another": False}
        if record is not None:
            page, api = self.page_of(record), self.api_of(record)
            context |= {"title": str(record), "subtitle": None, "page_address": page, "api_address": api}
            context["verbs"] = self._verbs(request)
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]

    def loss_of(self, record: Any) -> str:
        """What goes with it that no record tells of, in words; empty where all of it is records."""
        return ""

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Tells what would be lost; where data are, nothing goes before the record's name is typed."""
        record = self.get_object(request, object_id)  # type: ignore[attr-defined]
        told = {"typed_name": self.typed_name, "loss": self.loss_of(record) if record is not None else ""}
        is_wrong = self.typed_name and request.method == "POST" and request.POST.get("confirm", "") != str(record)
        if is_wrong:
            request.POST = QueryDict()  # type: ignore[assignment]  # Django deletes at any posted form
        told |= {"is_wrong": is_wrong, **(extra_context or {})}
        found: HttpResponse = super().delete_view(request, object_id, told)  # type: ignore[misc]
        return found

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """What takes a typed name is deleted one at a time."""
        found: dict[str, Any] = super().get_actions(request)  # type: ignore[misc]
        return {name: action for name, action in found.items() if not (self.typed_name and name == "delete_selected")}

    def _verbs(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Actions that ask first are offered on the record's own page too."""
        found = self.get_actions(request)  # type: ignore[attr-defined]
        return [
            (name, verb.button)
            for name, (verb, _, _) in found.items()
            if hasattr(verb, "button") and name not in self.only_in_list
        ]


class SeenInline(admin.TabularInline):
    """What stands under a record: seen, never changed there."""

    template = "admin/seen_inline.html"
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def asked_first(
    description: str,
    *,
    done: str,
    button: str,
    role: Role,
    warning: str = "",
    undo: str = "",
    permissions: tuple[str, ...] = (),
) -> Callable[[Verb], Action]:
    """Makes an action of a verb on one record: it asks first, and says how many it did and why not the others.

    `done` is the word of that message, `button` that of the question. `undo` names the action that takes it back; it is
    offered in the message. Without `role` nothing is done.
    """

    def wrap(verb: Verb) -> Action:
        @admin.action(description=description, permissions=permissions or None)
        @wraps(verb)
        def action(of: Any, request: HttpRequest, records: QuerySet) -> HttpResponse | None:
            if role_of(request.user) < role:
                of.message_user(request, f"This needs the role {role.group}.", messages.ERROR)
                return None
            if not is_sure(request):
                return question(of, request, records, button=button, warning=warning)
            changed, skipped = _do_each(records, lambda record: verb(of, request, record))
            sentence = in_words(len(changed), done, skipped)
            level = messages.WARNING if skipped else messages.SUCCESS
            of.message_user(request, _with_undo(sentence, request, changed, undo) if undo else sentence, level)
            return back_to_record(of, request, records)

        action.button = button  # type: ignore[attr-defined]
        return action

    return wrap


def _do_each(records: QuerySet, verb: Callable[[Any], Any]) -> tuple[list[Model], list[str]]:
    """Those that were changed, and why the others were not. A verb that answers False had nothing to change."""
    changed, skipped = [], []
    for record in records:
        try:
            answer = verb(record)
        except Refused as refused:
            skipped.append(refused.message)
            continue
        if answer is False:
            skipped.append("it is so already.")
        else:
            changed.append(record)
    return changed, skipped


def in_words(changed: int, done: str, skipped: list[str]) -> str:
    """
    >>> in_words(37, "retried", [])
    '37 retried.'
    >>> in_words(3, "retried", ["Job #4 is running.", "Job #5 is running."])
    '3 retried, 2 skipped: Job #4 is running. Job #5 is running.'
    """
    if not skipped:
        return f"{changed:,} {done}."
    reasons = Counter(skipped).most_common()
    shown = " ".join(f"{reason}{f' ({times} times)' if times > 1 else ''}" for reason, times in reasons[:REASONS])
    more = f" And {len(reasons) - REASONS} more reasons." if len(reasons) > REASONS else ""
    return f"{changed:,} {done}, {len(skipped):,} skipped: {shown}{more}"


def is_sure(request: HttpRequest) -> bool:
    return request.POST.get("sure") == "yes"


def question(
    of: Any,
    request: HttpRequest,
    records: QuerySet,
    *,
    button: str,
    warning: str = "",
    details: list[str] | None = None,
    danger: bool = False,
) -> HttpResponse:
    """The page that names what an action is about to touch, and asks. It posts the same selection once more."""
    number = records.count()
    context = {
        **of.admin_site.each_context(request),
        "opts": of.opts,
        "title": f"{button}?",
        "button": button,
        "warning": warning,
        "danger": danger,
        "number": number,
        "plural": of.opts.verbose_name if number == 1 else of.opts.verbose_name_plural,
        "names": details if details is not None else [str(record) for record in records[:NAMED]],
        "more": max(0, number - NAMED) if details is None else 0,
        "kept": [
            (name, value)
            for name in ("action", "select_across", "from_record", *WORDS_BESIDE, helpers.ACTION_CHECKBOX_NAME)
            for value in request.POST.getlist(name)
        ],
        "back": (request.POST.get("from_record") and _address_of_record(of, records.first()))
        or request.get_full_path(),
    }
    return TemplateResponse(request, "admin/question.html", context)


def back_to_record(of: Any, request: HttpRequest, records: QuerySet) -> HttpResponse | None:
    """Where the action was begun on the page of a record, there it ends."""
    record = records.first() if request.POST.get("from_record") else None
    return redirect(_address_of_record(of, record)) if record is not None else None


def _address_of_record(of: Any, record: Model | None) -> str:
    return reverse(f"admin:{of.opts.app_label}_{of.opts.model_name}_change", args=[record.pk]) if record else ""


def _with_undo(sentence: str, request: HttpRequest, changed: list[Model], undo: str) -> SafeString | str:
    if not changed:
        return sentence
    fields = [("csrfmiddlewaretoken", get_token(request)), ("action", undo), ("sure", "yes")]
    fields += [(name, request.POST[name]) for name in WORDS_BESIDE if name in request.POST]
    fields += [(helpers.ACTION_CHECKBOX_NAME, str(record.pk)) for record in changed]
    hidden = format_html_join("", '<input type="hidden" name="{}" value="{}">', fields)
    form = '{} <form method="post" action="{}" class="rovi-undo">{}<button type="submit">Undo</button></form>'
    return format_html(form, sentence, request.path, hidden)


def by_words(heading: str, field: str, words: Mapping[str, str] | Callable[[], Mapping[str, str]]) -> type:
    """A filter of a list by a field that holds a code; people see its word."""

    class ByWords(admin.SimpleListFilter):
        title = heading
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return list((words() if callable(words) else words).items())

        def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
            return queryset.filter(**{field: self.value()}) if self.value() else queryset

    return ByWords


def by_presence(heading: str, parameter: str, field: str, words: Mapping[str, str], absent: str) -> type:
    """A filter of a list by whether a field holds anything: a word for each of two codes, `absent` that of null."""

    class ByPresence(admin.SimpleListFilter):
        title = heading
        parameter_name = parameter

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return list(words.items())

        def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
            chosen = self.value()
            return queryset.filter(**{f"{field}__isnull": chosen == absent}) if chosen in words else queryset

    return ByPresence
