"""Tokens on the wire."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from rest_framework import serializers

from access.models import Token


class TokenSerializer(serializers.ModelSerializer):
    id = serializers.CharField(source="token_key", read_only=True, help_text="The first characters of the token.")
    user = serializers.SlugRelatedField(
        slug_field="username", queryset=get_user_model().objects.all(), required=False,
        help_text="Whose token it is; yourself when left out. Others only by administrators.",
    )  # fmt: skip
    created_by: serializers.StringRelatedField = serializers.StringRelatedField(read_only=True)
    token = serializers.SerializerMethodField(help_text="The token itself; only in the answer that makes it.")

    class Meta:
        model = Token
        fields = ("id", "name", "user", "battery_name", "created", "expiry", "created_by", "token")
        read_only_fields = ("created",)

    def get_token(self, token: Token) -> str | None:
        return self.context.get("secret")

    def to_representation(self, instance: Token) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        if shown["token"] is None:
            del shown["token"]
        return shown
