"""A real browser with open ears: a page together with everything that it said and asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Watched:
    """A page with everything that it said and asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def quiet(self, folder: Path) -> None:
        """Nothing was said on the console, and nothing was asked for but files of the folder."""
        assert self.said == []
        inside = ("data:", "blob:", folder.as_uri())
        assert [url for url in self.asked if not url.startswith(inside)] == []


def opened(
    browser: Browser,
    address: str,
    *,
    javascript: bool = True,
    width: int = 1280,
    scheme: Literal["light", "dark"] = "light",
) -> Watched:
    """Open an address in a context of its own."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, java_script_enabled=javascript, color_scheme=scheme
    )
    watched = Watched(context.new_page())
    watched.page.on("console", lambda message: watched.said.append(message.text))
    watched.page.on("pageerror", lambda error: watched.said.append(str(error)))
    watched.page.on("request", lambda request: watched.asked.append(request.url))
    watched.page.goto(address)
    return watched
