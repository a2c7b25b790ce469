"""People and tokens in the admin: an account has one role; a token is shown once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminRadioSelect
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from access.admin_parts import OurPages, asked_first, badge, links_to
from access.audit_admin import AuditEntryAdmin  # noqa: F401  (registers itself, and its sibling)
from access.errors import Refused
from access.models import Token
from access.roles import GRANTED, Role, role_of
from access.serializers import LIMITS
from access.tokens import check_token_wish, make_token, tokens_seen_by

ROLE_CHOICES = [
    ("", "none: may do nothing"),
    *((role.group, f"{role.group}: {role.meaning}") for role in GRANTED),
]
User = get_user_model()


class HasRole(forms.ModelForm):
    role = forms.ChoiceField(
        choices=ROLE_CHOICES, required=False, widget=AdminRadioSelect(attrs={"class": "radiolist"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "role" in self.fields:
            of_record = role_of(self.instance) if self.instance.pk else Role.VIEWER
            self.initial["role"] = of_record.group if of_record else ""


class NewPerson(HasRole, AdminUserCreationForm):
    pass


class KnownPerson(HasRole, UserChangeForm):
    pass


admin.site.unregister(User)
admin.site.unregister(Group)  # the groups are the roles, and those are fixed


@admin.register(User)
class PersonAdmin(OurPages, UserAdmin):
    form = KnownPerson
    add_form = NewPerson
    list_display = ("username", "shown_role", "email", "standing", "tokens", "last_login", "date_joined")
    list_filter = ("groups", ("is_active", admin.BooleanFieldListFilter))
    date_hierarchy = "date_joined"
    typed_name = True
    actions = ("let_in", "shut_out")
    search_fields = ("username", "first_name", "last_name", "email")
    filter_horizontal = ()
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": ("username", "password", "role", "is_active")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "usable_password", "password1", "password2", "role")}),)
    readonly_fields = ("last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("groups").annotate(tokens_held=Count("auth_token_set"))

    @asked_first(
        "Shut out: no login, no token works", done="shut out", button="Shut out", role=Role.ADMINISTRATOR,
        warning="They cannot log in, and their tokens are refused, until they are let in again.",
        permissions=("change",), undo="let_in",
    )  # fmt: skip
    def shut_out(self, request: HttpRequest, person: Any) -> bool:
        return self._set_active(request, person, False)

    @asked_first(
        "Let in again", done="let in", button="Let in", role=Role.ADMINISTRATOR, undo="shut_out",
        permissions=("change",),
    )  # fmt: skip
    def let_in(self, request: HttpRequest, person: Any) -> bool:
        return self._set_active(request, person, True)

    def _set_active(self, request: HttpRequest, person: Any, active: bool) -> bool:
        if not self._may_touch(request, person):
            raise Refused(f"{person} is a superuser, whom superusers alone change.", status=403)
        if person.pk == request.user.pk:
            raise Refused("Nobody shuts themselves out.")
        if person.is_active == active:
            return False
        person.is_active = active
        person.save(update_fields=["is_active"])
        return True

    @admin.display(description="state", ordering="is_active")
    def standing(self, person: Any) -> SafeString:
        return badge("●", "Active") if person.is_active else badge("■", "Shut out", "No login, and no token works.")

    @admin.display(description="tokens", ordering="tokens_held")
    def tokens(self, person: Any) -> SafeString:
        address = f"{reverse('admin:access_token_changelist')}?user__id__exact={person.pk}"
        return links_to((str(person.tokens_held), address))

    @admin.display(description="role")
    def shown_role(self, person: Any) -> str:
        if person.is_superuser:
            return "administrator (superuser)"
        names = {group.name for group in person.groups.all()}
        return next((role.group for role in reversed(GRANTED) if role.group in names), "none")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_touch(request, obj) and super().has_delete_permission(request, obj)

    def _may_touch(self, request: HttpRequest, person: Any) -> bool:
        """A superuser's account, and so its password, is changed by superusers alone."""
        return person is None or not person.is_superuser or bool(getattr(request.user, "is_superuser", False))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if "role" in form.cleaned_data and not obj.is_superuser:
            obj.is_staff = bool(form.cleaned_data["role"])
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if "role" in form.cleaned_data:
            wanted = form.cleaned_data["role"]
            form.instance.groups.set(Group.objects.filter(name=wanted) if wanted else [])


class NewToken(forms.ModelForm):
    made_by: Any = None  # set by TokenAdmin on the class that it makes for a request
    secret: str = ""

    class Meta:
        model = Token
        fields = ("name", "user", "battery_name", "expiry", *LIMITS)

    def clean(self) -> dict[str, Any]:
        wishes: dict[str, Any] = super().clean() or {}
        wishes.setdefault("user", self.made_by)
        if not self.errors:
            try:
                check_token_wish(
                    user=wishes["user"],
                    made_by=self.made_by,
                    battery_name=wishes["battery_name"],
                    expiry=wishes["expiry"],
                    **{limit: wishes[limit] for limit in LIMITS if limit in wishes},
                )
            except Refused as refused:
                beside = next((name for name in refused.fields if name in self.fields), None)
                self.add_error(beside, refused.message)
        return wishes

    def save(self, commit: bool = True) -> Token:
        token, self.secret = make_token(made_by=self.made_by, **self.cleaned_data)
        self.instance = token
        return token

    def save_m2m(self) -> None:
        """A token has no many-to-many fields."""


class ByExpiry(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, str], ...]:
        return ("valid", "Valid"), ("expired", "Expired")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Token]) -> QuerySet[Token]:
        expired = Q(expiry__lte=timezone.now())
        if self.value() == "expired":
            return queryset.filter(expired)
        return queryset.exclude(expired) if self.value() == "valid" else queryset


@admin.register(Token)
class TokenAdmin(OurPages, admin.ModelAdmin):
    formfield_overrides = {
        models.DateTimeField: {
            "form_class": forms.DateTimeField,
            "widget": forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        }
    }
    api_route = "token-detail"
    made_once = True
    form = NewToken
    list_display = ("name", "prefix", "standing", "user", "only_for", "created", "expiry", "created_by", "ways")
    list_filter = (ByExpiry, ("user", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("user", "created_by")
    actions = ("revoke",)
    search_fields = ("name", "battery_name", "user__username", "token_key")
    date_hierarchy = "created"
    show_full_result_count = False

    def api_of(self, token: Token) -> str:
        return reverse("token-detail", args=[token.token_key])

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    @asked_first(
        "Revoke", done="revoked", button="Revoke tokens", role=Role.VIEWER,
        warning="Whatever uses them is refused from now on; its open sockets are closed. There is no way back.",
    )  # fmt: skip
    def revoke(self, request: HttpRequest, token: Token) -> None:
        self.log_deletions(request, Token.objects.filter(pk=token.pk))
        token.delete()

    @admin.display(description="begins with", ordering="token_key")
    def prefix(self, token: Token) -> SafeString:
        return format_html("<code>{}…</code>", token.token_key)

    @admin.display(description="state", ordering="expiry")
    def standing(self, token: Token) -> SafeString:
        if not token.user.is_active:
            return badge("■", "Shut out", f"{token.user} is shut out.")
        if token.expiry is not None and token.expiry <= timezone.now():
            return badge("■", "Expired", "It is refused.")
        return badge("●", "Valid", "Without end." if token.expiry is None else "")

    @admin.display(description="only for battery", ordering="battery_name", empty_value="—")
    def only_for(self, token: Token) -> str | None:
        return token.battery_name or None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Token]:
        seen: QuerySet[Token] = tokens_seen_by(request.user)
        return seen

    def get_fields(self, request: HttpRequest, obj: Token | None = None) -> tuple[str, ...]:
        if obj is not None:
            return ("name", "token_key", "user", "battery_name", "created", "expiry", *LIMITS, "created_by")
        if role_of(request.user) < Role.ADMINISTRATOR:
            return ("name", "battery_name", "expiry")
        return ("name", "user", "battery_name", "expiry", *LIMITS)

    def get_form(self, request: HttpRequest, obj: Token | None = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.made_by = request.user
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"user": request.user.pk, **super().get_changeform_initial_data(request)}

    def has_view_permission(self, request: HttpRequest, obj: Token | None = None) -> bool:
        return role_of(request.user) >= Role.VIEWER

    def has_add_permission(self, request: HttpRequest) -> bool:
        return role_of(request.user) >= Role.VIEWER

    def has_change_permission(self, request: HttpRequest, obj: Token | None = None) -> bool:
        return False  # a token is made and revoked, nothing between

    def has_delete_permission(self, request: HttpRequest, obj: Token | None = None) -> bool:
        return role_of(request.user) >= Role.VIEWER  # the queryset holds one's own, or all for administrators

    def save_model(self, request: HttpRequest, obj: Token, form: Any, change: bool) -> None:
        """The form's verb has stored it."""
        request.made_token = form.secret  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: Token, post_url_continue: str | None = None) -> HttpResponse:
        page = {
            **self.admin_site.each_context(request),
            "title": "Token made",
            "opts": self.opts,
            "token": obj,
            "secret": request.made_token,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/access/token/made.html", page, headers={"Cache-Control": "no-store"})
