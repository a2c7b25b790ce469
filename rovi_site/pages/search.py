"""One search over everything: batteries, versions, forecasters, forecasts, files, jobs, errors and pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from access.decorators import page_for
from access.roles import Role
from access.tokens import tokens_seen_by
from datahub.models import Battery, DataImport
from jobs.models import Job
from prognosis.models import Comparison, Forecaster, ForecastRun
from prognosis.models import SupportFile as ForecasterFile
from rovi_site.pages.words import kind_in_words
from twin.models import Estimator, ParameterSet
from twin.models import SupportFile as EstimatorFile

SHOWN = 8
LONGEST_ID = 17


@dataclass(frozen=True)
class Found:
    title: str
    address: str
    about: str = ""


@dataclass(frozen=True)
class Kind:
    """Of one kind: the first few found, whether there are more, and where all of them are."""

    title: str
    found: list[Found]
    has_more: bool
    address: str


@dataclass(frozen=True)
class Asked:
    """`number` is what may be an id: all of `12` and `#12`."""

    text: str
    number: int | None
    user: Any

    def like(self, *fields: str) -> Q:
        wanted = Q()
        for name in fields:
            wanted |= Q(**{f"{name}__icontains": self.text})
        return wanted

    def id(self) -> Q:
        return Q(pk=self.number) if self.number is not None else Q(pk__in=[])


@require_GET
@page_for(Role.VIEWER)
def search_page(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()[:200].replace("\0", "")
    kinds = everything_like(text, request.user) if text else []
    context = {"search_text": text, "kinds": kinds, "number": sum(len(kind.found) for kind in kinds)}
    return render(request, "pages/search.html", context)


def everything_like(text: str, user: Any = AnonymousUser()) -> list[Kind]:  # noqa: B008  (it has no state)
    """By kind, at most SHOWN of each, the exact first; one query a kind. `#12` looks for jobs alone."""
    digits = text.removeprefix("#")
    number = int(digits) if digits.isdecimal() and len(digits) <= LONGEST_ID else None
    asked = Asked(text, number, user)
    looks = {"Jobs": LOOKS["Jobs"]} if text.startswith("#") and number is not None else LOOKS
    kinds = (_kind(title, list(look(asked)), asked) for title, look in looks.items())
    return [kind for kind in kinds if kind.found]


def _kind(title: str, found: list[Found], asked: Asked) -> Kind:
    route = LISTS.get(title)
    address = f"{reverse(route)}?{urlencode({'q': asked.text})}" if route else ""
    return Kind(title, found[:SHOWN], len(found) > SHOWN, address)


def _first(records: QuerySet[Any], asked: Asked, name: str) -> QuerySet[Any]:
    """Exact, then what begins so, then the rest; one more than is shown, to know whether there are more."""
    rank = Case(
        When(**{f"{name}__iexact": asked.text}, then=Value(0)),
        When(asked.id(), then=Value(0)),
        When(**{f"{name}__istartswith": asked.text}, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return records.annotate(rank=rank).order_by("rank", name)[: SHOWN + 1]


def _batteries(asked: Asked) -> Iterable[Found]:
    wanted = asked.like("name", "description") | asked.id()
    for battery in _first(Battery.objects.filter(wanted).only("name", "description"), asked, "name"):
        yield Found(battery.name, reverse("dashboard", args=[battery.name]), battery.description)


def _estimators(asked: Asked) -> Iterable[Found]:
    wanted = asked.like("battery__name", "last_error", "script_sha256") | asked.id()
    found = Estimator.objects.filter(wanted).select_related("battery").defer("battery__metadata", "parameters")
    for estimator in _first(found, asked, "battery__name"):
        about = estimator.last_error or f"{kind_in_words(estimator.kind)}, {estimator.state}"
        yield Found(str(estimator), reverse("estimator", args=[estimator.pk]), about)


def _forecasters(asked: Asked) -> Iterable[Found]:
    wanted = asked.like("name", "last_error", "script_sha256") | asked.id()
    for forecaster in _first(Forecaster.objects.filter(wanted), asked, "name"):
        about = forecaster.last_error or f"{kind_in_words(forecaster.kind)}, {forecaster.state}"
        yield Found(str(forecaster), reverse("forecaster", args=[forecaster.pk]), about)


def _forecasts(asked: Asked) -> Iterable[Found]:
    wanted = asked.like("label", "error", "headline") | asked.id() | Q(battery__name__iexact=asked.text)
    for run in ForecastRun.objects.filter(wanted).select_related("battery")[: SHOWN + 1]:
        about = run.error or run.headline or run.state
        yield Found(f"Forecast {run.pk} for {run.battery.name}", reverse("forecast", args=[run.pk]), about)


def _comparisons(asked: Asked) -> Iterable[Found]:
    wanted = asked.like("title") | asked.id() | Q(battery__name__iexact=asked.text)
    for each in Comparison.objects.filter(wanted).select_related("battery")[: SHOWN + 1]:
        yield Found(str(each), reverse("comparison", args=[each.pk]), each.battery.name)


def _cell_models(asked: Asked) -> Iterable[Found]:
    found = ParameterSet.objects.filter(asked.like("title", "source") | asked.id()).defer("plots", "parameters")
    for each in _first(found, asked, "title"):
        yield Found(each.title, reverse("parameter-set", args=[each.pk]), each.source)


def _files(asked: Asked) -> Iterable[Found]:
    """Imported files, and those beside scripts."""
    for each in DataImport.objects.filter(asked.like("file_name")).select_related("battery")[: SHOWN + 1]:
        about = each.battery.name if each.battery else ""
        yield Found(each.file_name, reverse("admin:datahub_dataimport_change", args=[each.pk]), f"imported to {about}")
    for held in EstimatorFile.objects.filter(asked.like("name")).select_related("estimator__battery")[: SHOWN + 1]:
        yield Found(held.name, reverse("estimator", args=[held.estimator_id]), f"beside estimator {held.estimator}")
    for kept in ForecasterFile.objects.filter(asked.like("name")).select_related("forecaster")[: SHOWN + 1]:
        yield Found(kept.name, reverse("forecaster", args=[kept.forecaster_id]), f"beside forecaster {kept.forecaster}")


def _jobs(asked: Asked) -> Iterable[Found]:
    wanted = asked.id() if asked.text.startswith("#") else asked.like("title", "error") | asked.id()
    for job in Job.objects.filter(wanted).defer("arguments", "result", "traceback")[: SHOWN + 1]:
        yield Found(f"#{job.pk} {job.title or job.kind}", reverse("job", args=[job.pk]), job.error or job.state)


def _tokens(asked: Asked) -> Iterable[Found]:
    for token in tokens_seen_by(asked.user).filter(asked.like("name", "battery_name"))[: SHOWN + 1]:
        yield Found(token.name, reverse("tokens"), f"{token.token_key}… of {token.user}")


PAGES = (
    ("Fleet", "home"), ("Estimators", "estimators"), ("Cell models", "parameter-sets"), ("Forecasts", "forecasts"),
    ("Forecasters", "forecasters"), ("Forecast the fleet", "fleet-form"), ("Jobs", "jobs"), ("Status", "status"),
    ("Tokens", "tokens"), ("Import", "import"), ("Export", "export"), ("Admin", "admin:index"), ("API", "api-docs"),
)  # fmt: skip


def _pages(asked: Asked) -> Iterable[Found]:
    for title, route in PAGES:
        if title.lower().startswith(asked.text.lower()):
            try:
                yield Found(title, reverse(route))
            except NoReverseMatch:  # that room is not installed
                continue


LOOKS: dict[str, Callable[[Asked], Iterable[Found]]] = {
    "Batteries": _batteries,
    "Estimators": _estimators,
    "Forecasters": _forecasters,
    "Forecasts": _forecasts,
    "Compared loads": _comparisons,
    "Cell models": _cell_models,
    "Files": _files,
    "Jobs": _jobs,
    "Tokens": _tokens,
    "Pages": _pages,
}
LISTS = {
    "Batteries": "home", "Estimators": "estimators", "Forecasters": "forecasters", "Jobs": "jobs",
    "Cell models": "parameter-sets",
}  # fmt: skip
