"""Tokens over REST: your own, or everyone's for administrators."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import Token
from access.permissions import ViewerWrites
from access.serializers import LIMITS, MadeTokenSerializer, TokenSerializer
from access.tokens import make_token, tokens_seen_by


class TokenViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet):
    """Bearer tokens of programs and devices. Deleting one revokes it."""

    queryset = Token.objects.none()
    serializer_class = TokenSerializer
    permission_classes = (ViewerWrites,)
    lookup_field = "token_key"
    filterset_fields = ("name", "battery_name")
    search_fields = ("name", "battery_name")
    ordering_fields = ("created", "name", "expiry")

    def get_queryset(self) -> Any:
        return tokens_seen_by(self.request.user)

    @extend_schema(responses={201: MadeTokenSerializer})
    def create(self, request: Request) -> Response:
        """Makes a token and tells it, this once."""
        asked = self.get_serializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wishes = asked.validated_data
        token, secret = make_token(
            user=wishes.get("user", request.user),
            name=wishes["name"],
            made_by=request.user,
            battery_name=wishes.get("battery_name", ""),
            expiry=wishes.get("expiry"),
            **{limit: wishes.get(limit) for limit in LIMITS},
        )
        context = {**self.get_serializer_context(), "secret": secret}
        told = MadeTokenSerializer(token, context=context).data
        return Response(told, status=201, headers={"Cache-Control": "no-store"})

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Revokes the token: whoever uses it is turned away, and its sockets are closed within seconds."""
        return super().destroy(request, *args, **kwargs)
