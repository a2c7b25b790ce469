"""Parameter sets over REST: ask for a fit, list and read what was found."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from access.permissions import ViewerReadsEngineerWrites
from datahub.queries import battery_named
from jobs.serializers import JobSerializer
from twin.fitting.records import ParameterSet
from twin.fitting.requesting import request_fit, request_fit_of_file
from twin.fitting.serializers import FitRequestSerializer, ParameterSetInFullSerializer, ParameterSetSerializer


class ParameterSetViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Cell models that were fitted to data; an estimator is registered with one as `parameter_set`."""

    queryset = ParameterSet.objects.none()
    permission_classes = (ViewerReadsEngineerWrites,)
    lookup_value_regex = r"\d+"
    filterset_fields = ("battery", "battery__name", "title")
    search_fields = ("title", "source")
    ordering_fields = ("id", "title", "created", "mean_nis")

    def get_queryset(self) -> QuerySet[ParameterSet]:
        found = ParameterSet.objects.select_related("battery", "fitted_by")
        return found if self.action == "retrieve" else found.defer("parameters", "plots")

    def get_serializer_class(self) -> type[ParameterSetSerializer]:
        return ParameterSetInFullSerializer if self.action == "retrieve" else ParameterSetSerializer

    @extend_schema(request=FitRequestSerializer, responses={202: JobSerializer})
    @action(detail=False, methods=["post"], parser_classes=[JSONParser, MultiPartParser, FormParser])
    def fit(self, request: Request) -> Response:
        """Fits a cell model to a battery's rows or a file's, as a job; its `result.parameter_set` is what it found."""
        asked = FitRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wishes = dict(asked.validated_data)
        name, file, title = wishes.pop("battery"), wishes.pop("file"), wishes.pop("title")
        told = {"title": title, "requested_by": request.user}
        job = request_fit_of_file(file, wishes, **told) if file else request_fit(battery_named(name), wishes, **told)
        return Response(JobSerializer(job).data, status=202)
