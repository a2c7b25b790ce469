from django.apps import AppConfig


class RoviSiteConfig(AppConfig):
    name = "rovi_site"
    verbose_name = "ROVI"

    def ready(self) -> None:
        from rovi_site import checks, wiring  # noqa: PLC0415  (rooms are met only once all of them are loaded)

        wiring.connect()
        checks.register()
