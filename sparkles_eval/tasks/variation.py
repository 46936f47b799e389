"""The alterations of a task that a run can ask for; `tasks.variants` makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from sparkles_eval.core.config_options import Option

OrderVariant: TypeAlias = Literal["given", "both"]
ImageVariant: TypeAlias = Literal["true", "shuffled", "dropped", "wrong"]
HistoryVariant: TypeAlias = Literal["own", "reference"]


@dataclass(frozen=True, slots=True)
class Variation:
    """How a task is altered; the defaults leave it as it is."""

    orders: Annotated[
        OrderVariant,
        Option("Image order. both: every sample is also shown with its two images swapped.", section="Samples"),
    ] = "given"
    images: Annotated[
        ImageVariant,
        Option(
            "Images shown. dropped: none; wrong: those of another sample; shuffled: the sample's own in another order. "
            "An altered task is a run of its own.",
            section="Samples",
        ),
    ] = "true"
    history: Annotated[
        HistoryVariant,
        Option(
            "Earlier turns shown to the model: its own answers or the reference answers.",
            section="Samples",
        ),
    ] = "own"

    @property
    def name(self) -> str:
        """The value of `Task.variant`: "orders=both images=dropped", or "" for the unaltered task."""
        usual = Variation()
        options = {"orders": self.orders, "images": self.images, "history": self.history}
        return " ".join(f"{key}={value}" for key, value in options.items() if value != getattr(usual, key))
