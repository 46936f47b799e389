"""Ends answers at stop sequences, and gives the published sampling settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria


class StopOnSequences(StoppingCriteria):
    """Ends each row of a batch separately, as soon as its newest ids are one of `sequences`.

    Rows that ended are padded by `generate`. (The published code looks at the first row only.)
    """

    def __init__(self, sequences: Sequence[Sequence[int]]) -> None:
        if any(not ids for ids in sequences):
            raise ValueError("an empty stop sequence would end every answer at once")
        self.sequences = tuple(tuple(ids) for ids in sequences)

    def __call__(self, input_ids: torch.Tensor, scores: object = None, **kwargs: Any) -> Any:  # noqa: ARG002
        """(batch, length) ids so far -> (batch,) bool, True where the row is done."""
        done = torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
        for ids in self.sequences:
            if input_ids.shape[1] >= len(ids):
                tail = input_ids[:, -len(ids) :]
                done |= (tail == torch.tensor(ids, device=input_ids.device)).all(dim=1)
        return done


def published_generation(eos: int | list[int] | None = 2, pad: int | None = 2) -> GenerationConfig:
    """The published sampling: top_p 0.9, temperature 1, up to 1,000 new tokens.

    top_k 50 is the default of the library that the publication used; here it is explicit.
    """
    return GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=True,
        num_beams=1,
        top_p=0.9,
        top_k=50,
        temperature=1.0,
        repetition_penalty=1.0,
        length_penalty=1.0,
        max_new_tokens=1000,
        eos_token_id=eos,
        pad_token_id=pad,
    )
