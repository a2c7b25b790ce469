"""The audit trail over REST, for administrators."""

from __future__ import annotations

from django_filters import rest_framework as filters
from rest_framework import serializers, viewsets

from access.models import AuditEntry
from access.permissions import OnlyAdministrators


class AuditEntrySerializer(serializers.ModelSerializer):
    class Meta:
        model = AuditEntry
        fields = (
            "id", "at", "who", "token", "address", "door", "action", "kind", "record", "name", "changes", "note",
        )  # fmt: skip


class AuditFilter(filters.FilterSet):
    since = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = AuditEntry
        fields = ("who", "action", "kind", "record", "door", "address")


class AuditViewSet(viewsets.ReadOnlyModelViewSet):
    """Who did what, when and from where: records made, changed and deleted, logins, and what else was done by hand."""

    queryset = AuditEntry.objects.all()
    serializer_class = AuditEntrySerializer
    permission_classes = (OnlyAdministrators,)
    filterset_class = AuditFilter
    search_fields = ("who", "name", "note")
    ordering_fields = ("at", "id")
