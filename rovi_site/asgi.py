"""The ASGI application: HTTP to Django, sockets to the rooms' consumers."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rovi_site.settings")
django_application = get_asgi_application()  # loads the apps, which the imports below need

from channels.auth import AuthMiddleware  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.sessions import CookieMiddleware, SessionMiddleware  # noqa: E402

import datahub.routing  # noqa: E402
import rovi_site.routing  # noqa: E402
from jobs import calling  # noqa: E402
from rovi_site.observing.requests import SocketIds  # noqa: E402
from rovi_site.sockets import SocketExtensions  # noqa: E402

calling.get_ready()

# Callers are judged by each consumer (access.authentication.caller_of_socket): it knows headers, tokens and origins.
# The middlewares only tell it whose cookie came along.
application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": SocketIds(
            SocketExtensions(
                CookieMiddleware(
                    SessionMiddleware(
                        AuthMiddleware(
                            URLRouter(
                                [
                                    *datahub.routing.websocket_urlpatterns,
                                    *rovi_site.routing.websocket_urlpatterns,
                                    *rovi_site.routing.no_such_socket,
                                ]
                            )
                        )
                    )
                )
            )
        ),
    }
)
