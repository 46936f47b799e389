"""A `transformers.Trainer` that is evaluated while it trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `local` is not installed")
transformers = pytest.importorskip("transformers", reason="the extra `local` is not installed")

import sparkles_eval as se  # noqa: E402


class Tiny(torch.nn.Module):  # type: ignore[misc, name-defined]
    """One weight that is pulled to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: Any) -> dict[str, Any]:
        return {"loss": ((self.weight - 1) ** 2).mean() + 0 * x.sum()}


def test_the_model_in_memory_is_evaluated_every_n_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
    reported: list[dict[str, float]] = []
    training: list[bool] = []

    def answer(network: Any, processor: Any, images: list[Any], text: str) -> str:
        training.append(network.training)
        return (
            "Therefore, the answer is IMAGE#1." if network.weight.item() < 0.5 else "Therefore, the answer is IMAGE#2."
        )

    callback = se.EvaluationCallback(
        se.task("bison-mini", n=4),
        every=2,
        answer=answer,
        store=tmp_path / "s.db",
        report=reported.append,
        progress=False,
    )
    args = transformers.TrainingArguments(
        output_dir=str(tmp_path / "out"), max_steps=5, learning_rate=0.3, report_to=[], use_cpu=True,
        per_device_train_batch_size=1, save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    data = [{"x": torch.zeros(1)}] * 8
    trainer = transformers.Trainer(Tiny(), args, train_dataset=data, callbacks=[callback])
    trainer.train()
    assert [step for step, _ in callback.results] == [2, 4, 5]
    board = se.load(tmp_path / "s.db").leaderboard().query("headline")
    assert sorted(board["model"]) == ["training@2", "training@4", "training@5"]
    assert len(reported) == 3 and all(set(one) == {"eval_sparkles/bison-mini/accuracy"} for one in reported)
    logged = [entry for entry in trainer.state.log_history if "eval_sparkles/bison-mini/accuracy" in entry]
    assert [entry["step"] for entry in logged] == [2, 4, 5]
    assert not any(training), "answers come from a model in evaluation mode"


def test_a_number_of_steps_is_needed() -> None:
    with pytest.raises(se.UserError, match="every=0"):
        se.EvaluationCallback("bison-mini", every=0)
