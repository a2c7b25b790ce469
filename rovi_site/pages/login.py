"""The login page: where too many wrong tries came, it tells how long to wait."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse

from access.tries import LoginPaused


class LoginPage(LoginView):
    template_name = "pages/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().post(request, *args, **kwargs)
        except LoginPaused as paused:
            blank = self.form_class(request, initial={"username": request.POST.get("username", "")})
            page = self.render_to_response(self.get_context_data(form=blank, paused=paused.message), status=429)
            page["Retry-After"] = str(paused.retry_after)
            return page
