"""Models of a chat: those named on the command line, and on the page every other that needs no further settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sparkles_eval.adapters.base import Adapter
from sparkles_eval.adapters.build import build_adapter
from sparkles_eval.adapters.listing import list_models
from sparkles_eval.core.errors import UserError
from sparkles_eval.engine.arguments import model_options
from sparkles_eval.viewer.config import ChatModelsConfig

SIDE_BY_SIDE = 4
"""Models at the most that are asked together."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model that the page can choose."""

    name: str
    title: str


class ChatModels:
    """Makes adapters by name. The named models are made at once: their mistakes are reported before anything starts."""

    def __init__(self, config: ChatModelsConfig) -> None:
        """Raises errors.UserError (MissingExtra, ContentError) with the fix."""
        self._config = config
        self.named = tuple(dict.fromkeys(config.models))
        if len(self.named) > SIDE_BY_SIDE:
            raise UserError(f"{len(self.named)} models; at most {SIDE_BY_SIDE} are asked side by side")
        self._adapters = {name: self._build(name) for name in self.named}
        self._offers: tuple[ModelChoice, ...] | None = None

    @property
    def offers(self) -> tuple[ModelChoice, ...]:
        """The named models, then every other that needs no further settings here."""
        if self._offers is None:
            known = list_models(content=self._config.content, plugins=self._config.plugins)
            others = [
                ModelChoice(m.name, m.title) for m in known if m.usable and m.model_id and m.name not in self.named
            ]
            self._offers = (*(ModelChoice(name, "") for name in self.named), *others)
        return self._offers

    def adapters(self, names: Sequence[str]) -> tuple[Adapter, ...]:
        """The models of these names. Raises errors.UserError for a name that is not offered, or cannot be made."""
        wanted = tuple(dict.fromkeys(names))
        if not wanted or len(wanted) > SIDE_BY_SIDE:
            raise UserError(f"choose one model, or up to {SIDE_BY_SIDE} side by side")
        for name in wanted:
            if name not in self._adapters:
                if name not in {offer.name for offer in self.offers}:
                    raise UserError("this model is not among those that can be chosen here; name it with --model")
                self._adapters[name] = self._build(name)
        return tuple(self._adapters[name] for name in wanted)

    def name(self, adapter: Adapter) -> str:
        """How an adapter that was made here is chosen."""
        return next(name for name, made in self._adapters.items() if made is adapter)

    async def aclose(self) -> None:
        for adapter in self._adapters.values():
            await adapter.aclose()

    def _build(self, name: str) -> Adapter:
        config = self._config
        named = name in self.named  # options for the named models are not for one that is chosen later
        options = model_options(name, self.named, config)
        if not named:
            options = replace(options, args=())
        return build_adapter(name, options, content=config.content, plugins=config.plugins)
