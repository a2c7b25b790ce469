"""What a page is made of, as a browser would read it: links, text, and whatever our policy of content forbids."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

NO_CODE = ("application/json", "importmap")  # data that scripts read


@dataclass
class Markup:
    """`forbidden` says in words what the policy would block or a stranger could have put there."""

    links: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    text: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found = Markup()
        self.inside = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name.lower(): value or "" for name, value in attributes}
        self.found.tags.append(tag)
        self.inside = tag
        here = f"<{tag} {' '.join(f'{name}={value!r}' for name, value in values.items())}>"
        if tag in ("style", "base", "iframe", "object", "embed", "applet"):
            self.found.forbidden.append(here)
        if tag == "script" and "src" not in values and values.get("type") not in NO_CODE:
            self.found.forbidden.append(here)
        for name, value in values.items():
            if name == "style" or name.startswith("on") or name == "srcdoc":
                self.found.forbidden.append(here)
            if name in ("href", "src", "action", "formaction", "xlink:href"):
                self._address(tag, name, value, here)

    def _address(self, tag: str, name: str, value: str, here: str) -> None:
        if tag == "a":
            self.found.links.append(value)
        meant = urlsplit("".join(letter for letter in value if letter > " "))  # as browsers read it
        schemes = {"a": ("", "http", "https"), "img": ("", "data")}.get(tag, ("",))
        if meant.scheme not in schemes or (meant.netloc and tag != "a"):
            self.found.forbidden.append(here)

    def handle_data(self, data: str) -> None:
        if self.inside not in ("script", "style"):
            self.found.text += data

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""


def read(page: str) -> Markup:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.found
