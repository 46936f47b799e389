"""Every verb on a stream of any encoding, and into a reader that leaves early."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sparkles_eval.cli.app import app, main
from sparkles_eval.tasks.load import load_task
from tests.cli.test_app import verbs
from tests.end_to_end.running import here

ENCODINGS = ("cp437", "ascii")
"""Two that lack much; `core` tries every character in each."""
NAME = "модель-模型-é-💥 \u2013 “x”"
"""A model, and its answers."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two models with such names, answers in a file, and a bundle."""
    made = tmp_path_factory.mktemp("stream-é")
    for suffix in ("", " 2"):
        lines = [{"sample_id": one.id, "text": NAME} for one in load_task("nlvr2-mini", args={"n": "4"}).samples]
        answers = made / f"answers{suffix}.jsonl"
        answers.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
        named = ["-m", f"replay/{answers}", "--model-arg", f"name={NAME}{suffix}"]
        args = ["run", "-t", "nlvr2-mini", "--task-arg", "n=4", *named, "--no-report", "--store", str(made / "s.db")]
        assert here(*args).code == 0
    rated = ["run", "-t", "sparkleseval-mini", "--task-arg", "n=3", "-m", "baseline/oracle", "-m", "baseline/chance"]
    assert here(*rated, "--no-report", "--store", str(made / "rated.db")).code == 0
    submitted = ["submit", "--store", str(made / "s.db"), "--out", str(made / "bundles" / "b.zip")]
    assert here(*submitted, "--contact", NAME, "--licence", "CC0").code == 0
    return made


ARGS: dict[str, str] = {
    "run": "-t nlvr2-mini --task-arg n=4 -m replay/{f}/answers.jsonl --model-arg name={n} --store {f}/s.db --no-report",
    "judge": "--store {f}/rated.db --judge facts --no-report",
    "report": "--store {f}/s.db --out {f}/r.html --no-figures",
    "list": "runs --store {f}/s.db",
    "view": "{f}/nothing-{n}.db",
    "compare": "--store {f}/s.db",
    "ablations": "--store {f}/s.db",
    "variance": "--store {f}/s.db",
    "plan": "--n 100 --difference 5",
    "train": "{f}/nothing-{n}.yaml --out {f}/t",
    "chat": "-m nothing/{n}",
    "merge": "{f}/s.db {f}/s.db --into {f}/merged.db",
    "verify": "{f}/s.db --json -",
    "rescore": "{f}/s.db",
    "export": "--store {f}/s.db --as jsonl",
    "import": "{f}/nothing-{n}.json",
    "submit": "--store {f}/s.db --out {f}/b2.zip --contact {n} --licence CC0",
    "leaderboard build": "{f}/bundles --out {f}/board --no-figures",
    "judges audit": "nothing-{n}",
    "judges compare": "facts human --store {f}/rated.db",
    "judges new": "nothing-{n}",
    "human export": "--rater {n} --store {f}/rated.db --out {f}/sheets",
    "human import": "{f}/nothing-{n}.csv",
    "human estimate": "facts --store {f}/rated.db",
    "task new": "nothing-{n}",
    "data list": "",
    "data fetch": "nothing-{n}",
    "data check": "{f}/nothing-{n}",
    "data import": "llava {f}/nothing-{n} --images {f} --out {f}/x.json",
    "data generate": "-m nothing/{n} --images {f}/{n} --out {f}/g",
    "data browse": "{f}/nothing-{n}",
    "protocol import": "{f}/nothing-{n}",
    "checkpoints sources": "",
    "checkpoints convert": "--projection {f}/nothing-{n} --out {f}/c",
}


def test_the_verbs_that_are_tried_exist() -> None:
    assert set(ARGS) <= {" ".join(verb) for verb in verbs(app)}


def _ends(args: list[str], encoding: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """`main` with streams of an encoding: exit code and all that was printed."""
    held = io.BytesIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(held, encoding=encoding, line_buffering=True))
    monkeypatch.setattr(sys, "argv", ["sparkles-eval", *args])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    printed = held.getvalue()
    exported = "--as" in args
    return code, printed.decode("utf-8" if exported else encoding)


@pytest.mark.parametrize("verb", [" ".join(verb) for verb in verbs(app)])
def test_every_verb_on_every_encoding(folder: Path, verb: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    args = [part.format(f=folder, n=NAME) for part in ARGS.get(verb, "--help").split()]
    for encoding in ENCODINGS:
        code, printed = _ends([*verb.split(), *args], encoding, monkeypatch)
        assert code in (0, 1, 2) and printed and "Traceback" not in printed, (code, printed)
    code, printed = _ends([*verb.split(), "--help"], "ascii", monkeypatch)
    assert code == 0 and "Usage" in printed


@pytest.mark.parametrize("args", [["--help"], ["list", "tasks"], ["export", "--as", "jsonl", "--store", "s.db"]])
def test_a_reader_that_leaves_early(folder: Path, args: list[str]) -> None:
    """As `| head -1` does; latin-1 and a full pipe beside it."""
    command = [sys.executable, "-m", "sparkles_eval", *args]
    program = (
        f"import subprocess, sys; p = subprocess.Popen({command!r}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
    )
    program += (
        "p.stdout.read(1); p.stdout.close(); err = p.stderr.read(); sys.exit(p.wait() or bool(err) and err.decode())"
    )
    root = str(Path(__file__).resolve().parents[2])
    env = {"PYTHONIOENCODING": "latin-1", "PYTHONPATH": root, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
