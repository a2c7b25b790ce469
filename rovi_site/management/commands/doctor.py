import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    help = "Say in sentences what is wrong with this installation, and what to do. Ends with 1 where something is bad."
    requires_system_checks: list[str] = []  # it runs them itself, and goes on

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="findings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        from rovi_site.observing.doctor import BAD, DOUBTFUL, GOOD, examine

        found = examine()
        if options["json"]:
            self.stdout.write(json.dumps([asdict(each) for each in found], indent=2))
        else:
            signs = {GOOD: self.style.SUCCESS("✓"), DOUBTFUL: self.style.WARNING("▲"), BAD: self.style.ERROR("✕")}
            for each in found:
                self.stdout.write(f"{signs[each.state]} {each.what}: {each.sentence}")
                if each.advice:
                    self.stdout.write(f"    {each.advice}")
        if any(each.state == BAD for each in found):
            raise SystemExit(1)
