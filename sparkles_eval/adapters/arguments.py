"""The `--model-arg k=v` pairs of one model, read strictly. Knows nothing of what they mean to an adapter."""

from __future__ import annotations

from collections.abc import Mapping

from sparkles_eval.adapters.base import ModelOptions
from sparkles_eval.errors import UserError

_SECRET = ("api_key", "key", "token", "password", "auth_token")


class Arguments:
    """Checked names, typed values. `known` maps each name to one line of help.

    Raises errors.UserError for an unknown name (with those that are known), a name given twice, a value that cannot
    be read, and for anything that looks like a key: a command line ends up in logs and in the store.
    """

    def __init__(self, who: str, options: ModelOptions, known: Mapping[str, str]) -> None:
        self._who = who
        self._values: dict[str, str] = {}
        for name, value in options.args:
            if name in _SECRET and name not in known:
                raise UserError(
                    f"{who}: --model-arg {name}=… is not accepted, a key on the command line ends up in logs; "
                    "set an environment variable and name it with --model-arg api_key_env=NAME"
                )
            if name not in known:
                listed = ", ".join(sorted(known)) or "none"
                raise UserError(f"{who}: unknown --model-arg {name!r}; this model knows {listed}")
            if name in self._values:
                raise UserError(f"{who}: --model-arg {name} is given twice; name it once")
            self._values[name] = value

    def text(self, name: str) -> str | None:
        """The value, or None where it was not given. An empty value counts as given."""
        return self._values.get(name)

    def integer(self, name: str, low: int = 1) -> int | None:
        """A whole number of at least `low`."""
        raw = self._values.get(name)
        if raw is None:
            return None
        try:
            value = int(raw)
        except ValueError:
            value = low - 1
        if value < low:
            raise UserError(f"{self._who}: --model-arg {name}={raw}: a whole number of at least {low} is needed")
        return value

    def number(self, name: str, *, positive: bool = False) -> float | None:
        """A finite number that is not negative (or, with `positive`, above zero)."""
        raw = self._values.get(name)
        if raw is None:
            return None
        try:
            value = float(raw)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf") or (positive and value == 0):
            kind = "above 0" if positive else "of 0 or more"
            raise UserError(f"{self._who}: --model-arg {name}={raw}: a number {kind} is needed")
        return value

    def flag(self, name: str) -> bool | None:
        """true/false (also yes/no, 1/0)."""
        raw = self._values.get(name)
        if raw is None:
            return None
        value = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(raw.lower())
        if value is None:
            raise UserError(f"{self._who}: --model-arg {name}={raw}: true or false is needed")
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """One of a few words."""
        raw = self._values.get(name)
        if raw is not None and raw not in allowed:
            raise UserError(f"{self._who}: --model-arg {name}={raw}: one of {', '.join(allowed)} is needed")
        return raw
