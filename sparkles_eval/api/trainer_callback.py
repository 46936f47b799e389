"""Evaluates a model in memory while `transformers.Trainer` trains it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.api.evaluate import Given, run
from sparkles_eval.api.frames import leaderboard_rows
from sparkles_eval.api.named import NamedContent, model
from sparkles_eval.api.run_results import Results
from sparkles_eval.core.errors import UserError
from sparkles_eval.store.reading import open_to_read

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

_NEW_TOKENS = 256


class EvaluationCallback(TrainerCallback):
    """Evaluates the model on tasks every `every` steps and once at the end; results go into a store and the log.

        trainer = Trainer(model, args, ..., callbacks=[se.EvaluationCallback("bison-mini", every=500, limit=60)])

    Each evaluation is a model of its own in the store, `name@step`. Its headline metrics are added to the trainer's
    log history as `eval_sparkles/TASK/METRIC`, and `report` (such as `wandb.log`) is called with them. `answer` is
    `answer(model, processor, images, text)` and gives the answer's text; by default the processor's chat template is
    filled and the model generates greedily. `options` are those of `se.run`. Only the first process of a distributed
    training evaluates.
    """

    def __init__(
        self,
        tasks: Given | Sequence[Given],
        *,
        every: int,
        name: str = "training",
        store: str | Path | None = None,
        answer: Callable[[Any, Any, list[Any], str], str] | None = None,
        report: Callable[[dict[str, float]], object] | None = None,
        **options: Any,
    ) -> None:
        if every < 1:
            raise UserError(f"EvaluationCallback: every={every}: give a number of steps of 1 or more")
        self.results: list[tuple[int, Results]] = []
        """(step, results) of every evaluation so far."""
        self._tasks, self._every, self._name, self._store = tasks, every, name, store
        self._answer, self._report, self._options = answer or chat_answer, report, options
        self._training = secrets.token_hex(4)

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002 - the library's signature
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl:
        """Evaluate where it is time."""
        if state.global_step % self._every == 0:
            self._evaluate(state, kwargs)
        return control

    def on_train_end(
        self,
        args: TrainingArguments,  # noqa: ARG002 - the library's signature
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> TrainerControl:
        """Evaluate the last weights, unless the last step did."""
        if not self.results or self.results[-1][0] != state.global_step:
            self._evaluate(state, kwargs)
        return control

    def _evaluate(self, state: TrainerState, given: dict[str, Any]) -> None:
        if not state.is_world_process_zero:
            return
        network, step = given["model"], state.global_step
        processor = given.get("processing_class") or given.get("tokenizer")
        trains = network.training
        network.eval()
        try:
            results = run(self._tasks, self._named(network, processor, step), store=self._store, **self._options)
        finally:
            network.train(trains)
        self.results.append((step, results))
        with open_to_read(results.store) as store:
            rows = [row for row in leaderboard_rows(summarise(store, results.run_ids)) if row["headline"]]
        found = {
            f"eval_sparkles/{row['task']}/{row['metric']}": float(row["value"])
            for row in rows
            if row["value"] is not None  # nothing was graded: no number is logged
        }
        state.log_history.append({**found, "step": step})
        if self._report is not None:
            self._report(found)

    def _named(self, network: Any, processor: Any, step: int) -> NamedContent:
        def answer(images: list[Any], text: str) -> str:
            return self._answer(network, processor, images, text)

        # These weights are nobody else's: another training's answers must not be taken for theirs.
        return model(answer, name=f"{self._name}@{step}", version=f"{self._training}-{step}")


def chat_answer(network: Any, processor: Any, images: list[Any], text: str) -> str:
    """The answer of an image-text-to-text model: its processor's chat template, greedy, 256 tokens at most."""
    import torch

    content: list[dict[str, Any]] = []
    for at, words in enumerate(text.split("<image>")):
        if at:
            content.append({"type": "image", "image": images[at - 1]})
        if words:
            content.append({"type": "text", "text": words})
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    ).to(network.device)
    with torch.inference_mode():
        tokens = network.generate(**inputs, max_new_tokens=_NEW_TOKENS, do_sample=False)
    said = tokens[0, inputs["input_ids"].shape[1] :]
    return str(processor.decode(said, skip_special_tokens=True)).strip()
