"""A page in a real browser, with everything that it said and asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@dataclass
class Watched:
    """A page with everything that it said and asked for."""

    page: Page
    home: str
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def go(self, path: str = "") -> Page:
        self.page.goto(self.home + path)
        return self.page

    def quiet(self) -> None:
        """Nothing was said on the console, and nobody else was asked for anything."""
        assert self.said == []
        assert [url for url in self.asked if not url.startswith((self.home, "data:", "blob:"))] == []

    def fits(self) -> None:
        """Nothing runs over the right edge."""
        assert self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def watch(browser: Browser, home: str, *, width: int = 1280, javascript: bool = True, dark: bool = False) -> Watched:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        java_script_enabled=javascript,
        color_scheme="dark" if dark else "light",
    )
    watched = Watched(context.new_page(), home)
    watched.page.on("console", lambda message: watched.said.append(message.text))
    watched.page.on("pageerror", lambda error: watched.said.append(str(error)))
    watched.page.on("request", lambda request: watched.asked.append(request.url))
    return watched
