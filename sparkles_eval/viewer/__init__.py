"""Pages of the local web server. They need `starlette` and `uvicorn`, which the optional part `view` brings."""

from __future__ import annotations

from importlib.util import find_spec

from sparkles_eval.core.errors import MissingExtra


def need_server(who: str) -> None:
    """Raises errors.MissingExtra, naming the fix, where the web server is not installed. Call it before `web`."""
    if any(find_spec(library) is None for library in ("starlette", "uvicorn")):
        raise MissingExtra(who, "view")
