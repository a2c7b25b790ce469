"""Tokens on the wire."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from rest_framework import serializers

from access.models import Token

LIMITS = ("rows_per_second", "connections")


class TokenSerializer(serializers.ModelSerializer):
    id = serializers.CharField(source="token_key", read_only=True, help_text="The first characters of the token.")
    user = serializers.SlugRelatedField(
        slug_field="username", queryset=get_user_model().objects.all(), required=False,
        help_text="Whose token it is; yourself when left out. Others only by administrators.",
    )  # fmt: skip
    created_by: serializers.StringRelatedField = serializers.StringRelatedField(read_only=True, allow_null=True)

    class Meta:
        model = Token
        fields: tuple[str, ...] = ("id", "name", "user", "battery_name", "created", "expiry", "created_by", *LIMITS)
        read_only_fields = ("created",)


class MadeTokenSerializer(TokenSerializer):
    """The answer that makes a token; the context's `secret` is the token itself."""

    token = serializers.SerializerMethodField(help_text="The token itself, told this once.")

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "token")

    def get_token(self, token: Token) -> str:
        return str(self.context["secret"])
