"""One's own tokens: make one, see it once, revoke one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from access.decorators import page_for
from access.errors import Refused
from access.models import Token
from access.roles import Role, role_of
from access.serializers import LIMITS
from access.tokens import make_token, tokens_seen_by
from rovi_site.pages.words import Badge

LIFETIMES = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "no end"))


class TokenForm(forms.Form):
    name = forms.CharField(max_length=100, help_text="What uses it, so that you know what a revocation stops.")
    battery_name = forms.CharField(
        max_length=255, required=False, label="Only for battery",
        help_text="A device's: it may upload to this battery and nothing else. Empty: all that you may do.",
    )  # fmt: skip
    days = forms.ChoiceField(choices=LIFETIMES, required=False, initial="90", label="Ends after")
    rows_per_second = forms.IntegerField(
        min_value=0, required=False, label="Most rows a second", help_text="Empty: as the settings say. 0: any."
    )
    connections = forms.IntegerField(
        min_value=0, required=False, label="Most sockets at once", help_text="Empty: as the settings say. 0: any."
    )

    def __init__(self, *arguments: Any, user: Any, **names: Any) -> None:
        super().__init__(*arguments, **names)
        if role_of(user) < Role.ADMINISTRATOR:  # limits are for administrators; the verb refuses others
            for limit in LIMITS:
                del self.fields[limit]

    def wishes(self) -> dict[str, Any]:
        given = self.cleaned_data
        days = given["days"]
        expiry = timezone.now() + timedelta(days=int(days)) if days else None
        limits = {limit: given[limit] for limit in LIMITS if limit in given}
        return {"name": given["name"], "battery_name": given["battery_name"], "expiry": expiry, **limits}


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(Role.VIEWER)
def tokens_page(request: HttpRequest) -> HttpResponse:
    form = TokenForm(request.POST or None, user=request.user)
    made, secret = _make(request, form) if request.method == "POST" else (None, "")
    now = timezone.now()
    context = {
        "form": TokenForm(user=request.user) if made else form,
        "made": made,
        "secret": secret,
        "tokens": [(token, _badge(token, now)) for token in tokens_seen_by(request.user)],
        "sees_all": role_of(request.user) >= Role.ADMINISTRATOR,
    }
    answer = render(request, "pages/tokens.html", context, status=422 if form.errors else 200)
    answer["Cache-Control"] = "no-store"  # it may hold the token itself, this once
    return answer


def _make(request: HttpRequest, form: TokenForm) -> tuple[Token | None, str]:
    if not form.is_valid():
        return None, ""
    try:
        return make_token(user=request.user, made_by=request.user, **form.wishes())
    except Refused as refused:
        beside = next((name for name in refused.fields if name in form.fields), None)
        form.add_error(beside, refused.message)
        return None, ""


@require_POST
@page_for(Role.VIEWER)
def revoke_token(request: HttpRequest, token_key: str) -> HttpResponse:
    """One's own, or anybody's for administrators; sockets that it opened are closed within seconds."""
    token = tokens_seen_by(request.user).filter(token_key=token_key).first()
    if token is None:
        raise Http404("There is no such token, or it is somebody else's.")
    name = str(token)
    token.delete()
    messages.success(request, f"Revoked {name}. What used it is refused from now on.")
    return redirect("tokens")


def _badge(token: Token, now: Any) -> Badge:
    if token.expiry is not None and token.expiry <= now:
        return Badge("Ended", "ended", "idle", "Its time is over.")
    if token.is_for_device:
        return Badge("Device", "ok", "ok", f"Uploads to {token.battery_name!r} and nothing else.")
    return Badge("Valid", "ok", "ok", "May do what its user may do.")
