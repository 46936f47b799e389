"""Forged bundles, and hostile names and answers in every output: nothing is believed, and nothing comes alive."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from sparkles_eval.tasks.load import load_task
from tests.campaign.conftest import WHOLE, Tally
from tests.cli.test_hostile_names import HOSTILE as STEERING_NAME
from tests.cli.test_hostile_names import STEERING
from tests.end_to_end.running import here
from tests.publishing.making import members, packed, sign, tampered
from tests.publishing.test_public_leaderboard import BROKEN
from tests.publishing.test_public_leaderboard import HOSTILE as HOSTILE_STORES
from tests.publishing.test_verify import TAMPERED
from tests.reports.hostile import BAD
from tests.reports.test_report import Page, assert_inert

pytestmark = pytest.mark.campaign

NO_FORGERY = {"an answer of another model"}
"""Needs a second model in the store; a bundle of one model stays as it was."""
STATEMENTS = {
    **{name: statement for name, (statement, _) in TAMPERED.items() if name not in NO_FORGERY},
    **{name: statement for name, (statement, _) in HOSTILE_STORES.items()},
}


def test_forged_bundles(bundles: dict[str, Path], tmp_path: Path, tally: Tally) -> None:
    """All in one folder beside an honest one: each is refused with its reason, and the honest one's site is written."""
    folder = tmp_path / "bundles"
    folder.mkdir()
    shutil.copy(bundles["oracle"], folder / "honest.zip")
    statements, broken = list(STATEMENTS.values()), list(BROKEN.items())
    for number, statement in enumerate(statements if WHOLE else statements[:2]):
        tampered(bundles["chance"], folder / f"forged-{number}.zip", statement)
    for number, (name, (change, _)) in enumerate(broken if WHOLE else broken[:1]):
        files = change(members(bundles["chance"]))
        if "is not the manifest" not in name and files.get("manifest.json", b"").startswith(b"{"):
            sign(files)
        packed(folder / f"broken-{number}.zip", files)
    out = tmp_path / "site"
    done = here("leaderboard", "build", str(folder), "--out", str(out), "--no-figures")
    listed = json.loads((out / "bundles.json").read_text(encoding="utf-8"))
    refused = {one["bundle"] for one in listed["refused"] if one["reasons"]}
    for bundle in folder.glob("*-*.zip"):
        tally.note("forged bundle in `leaderboard build`: refused with the reason", kept=bundle.name in refused)
    assert done.code == 1 and refused == {bundle.name for bundle in folder.glob("*-*.zip")}
    assert [one["bundle"] for one in listed["accepted"]] == ["honest.zip"]


PAYLOADS = {
    "terminal": STEERING_NAME,
    "page": BAD.replace("\x00", ""),
    "formula": "=cmd|' /C calc'!A0",
    "link": "[x](javascript:alert(1))![y](https://evil.example/z)<script>alert(1)</script>",
    "latex": "}\\end{document}\\input{/etc/passwd}\\write18{id}%",
    "yaml": "x: !!python/object/apply:os.system ['id']\n- &a *a",
}


def _store(folder: Path, payload: str) -> Path:
    """Two models whose names and answers are the payload, on eight statements."""
    store, answers = folder / "s.db", folder / "answers.jsonl"
    ids = [sample.id for sample in load_task("nlvr2-mini", args={"n": "8"}).samples]
    for name in (payload, f"{payload}2"):
        lines = [json.dumps({"sample_id": one, "text": name}) for one in ids]
        answers.write_text("\n".join(lines) + "\n", encoding="utf-8")
        model = ["-m", f"replay/{answers}", "--model-arg", f"name={name}", "--no-report", "--store", str(store)]
        assert here("run", "-t", "nlvr2-mini", "--task-arg", "n=8", *model).code == 0
    return store


def _commands(store: Path, out: Path) -> dict[str, list[str]]:
    at = ["--store", str(store)]
    tables = ["--csv", str(out / "c.csv"), "--latex", str(out / "c.tex"), "--json", str(out / "c.json")]
    exports = ("model-index", "results-json", "jsonl", "inspect-jsonl")
    return {
        "list": ["list", "runs", *at],
        "compare": ["compare", *at, *tables],
        "report, one file": ["report", *at, "--out", str(out / "r.html"), "--samples", "3"],
        "report, site": ["report", *at, "--out", str(out / "site"), "--site", "--samples", "3"],
        **{f"export {form}": ["export", "--as", form, *at, "--out", str(out / form)] for form in exports},
        "submit": ["submit", *at, "--out", str(out / "bundles" / "b.zip")],
        "verify": ["verify", str(store)],
        "leaderboard": ["leaderboard", "build", str(out / "bundles"), "--out", str(out / "board"), "--no-figures"],
    }


_READ = (".html", ".tex", ".csv", ".json")
_EXPORTS = ("model-index", "jsonl", "inspect-jsonl")


def _alive(file: Path) -> str | None:
    """What of a file would run, steer or be fetched; None where nothing does."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".html":
        return _running(Page(text)) or _hidden(text)
    if file.suffix == ".tex":
        return found[0] if (found := re.search(r"\\(input|write18|end\{document)", text)) else _hidden(text)
    if file.suffix == ".csv":
        cells = [cell for row in csv.reader(text.splitlines()) for cell in row]
        return next((cell for cell in cells if re.match(r"[=@\t\r]|[+-](?![\d.])", cell)), None)
    if file.name == "model-index":
        yaml.safe_load(text)
        return _hidden(text)
    for part in text.splitlines() if "jsonl" in file.name else [text]:
        json.loads(part)
    return None


_LEADS = re.compile(r"\s*(javascript:|vbscript:|data:(?!image/|,$)|(https?:)?//evil)", re.IGNORECASE)


def _running(page: Page) -> str | None:
    """What of a page's real tags and scripts is the payload's; escaped text is none."""
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            leads = name in ("href", "src", "action", "formaction") and _LEADS.match(value or "")
            if leads or name.startswith("on") or name == "autofocus" or tag in ("iframe", "object", "embed", "base"):
                return f"<{tag} {name}={value}>"
    return next((block[:80] for block in page.blocks["script"] if re.match(r"\s*(window\.hacked|alert)", block)), None)


def _hidden(text: str) -> str | None:
    return next((repr(char) for char in STEERING.replace("\r", "") if char in text), None)


@pytest.mark.parametrize("kind", PAYLOADS if WHOLE else ["page"])
def test_hostile_names_and_answers(tmp_path: Path, tally: Tally, kind: str) -> None:
    """Through every command that prints or writes: no command, formula, script or steering character."""
    out = tmp_path / "out"
    out.mkdir()
    wrong: dict[str, str] = {}
    for name, command in _commands(_store(tmp_path, PAYLOADS[kind]), out).items():
        done = here(*command)
        printed = next((char for char in STEERING if char in done.out + done.err), None)
        if done.code or printed:
            wrong[name] = f"exit code {done.code}, printed {printed!r}: {done.shown[-500:]}"
        tally.note("hostile names and answers x command: terminal clean", kept=name not in wrong)
    for file in (path for path in out.rglob("*") if path.suffix in _READ or path.name in _EXPORTS):
        if file.is_file():
            found = _alive(file)
            tally.note("hostile names and answers x file: nothing comes alive", kept=found is None)
            if found is not None:
                wrong[str(file.relative_to(out))] = found
    assert_inert((out / "r.html").read_text(encoding="utf-8"))
    assert wrong == {}
