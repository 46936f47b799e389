"""`sparkles-eval data list, fetch, check, import` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sparkles_eval.cli.app import app
from sparkles_eval.core.errors import UserError
from tests.data.sources.conftest import Files
from tests.data.sources.conftest import web as _web
from tests.data.sources.test_check import nlvr2
from tests.data.sources.test_image_urls import picture

web = _web  # the fixture of tests/sources


def invoke(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["data", *args], env={"COLUMNS": "160"}, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def test_the_list_and_one_source_in_full(tmp_path: Path) -> None:
    out = invoke("list").stdout
    for word in ("bison", "CC BY-NC 4.0", "by hand", "fetched"):
        assert word in out
    one = invoke("list", "sparkles", "--to", str(tmp_path)).stdout
    assert "for you to get" in one and "https://github.com/HYPJUDY/Sparkles" in one


def test_terms_come_before_anything_is_fetched(web: Files, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="agree to its licence and terms above with --accept-terms"):
        invoke("fetch", "llava", "--to", str(tmp_path), "--mirror", f"https://huggingface.co={web.url}")
    assert web.asked == [] and list(tmp_path.iterdir()) == []


def test_a_fetch_and_what_is_missing(web: Files, tmp_path: Path) -> None:
    path = "/datasets/liuhaotian/LLaVA-Instruct-150K/resolve/main"
    web.files[f"{path}/detail_23k.json"] = b"[]"
    args = ("fetch", "llava", "--to", str(tmp_path), "--accept-terms", "--mirror", f"https://huggingface.co={web.url}")
    out = invoke(*args, code=3).stdout
    assert "CC BY 4.0" in out and "HTTP 404" in out and (tmp_path / "LLaVA" / "detail_23k.json").read_bytes() == b"[]"
    assert "missing" in invoke("fetch", "llava", "--to", str(tmp_path), "--offline", code=3).stdout
    web.files[f"{path}/complex_reasoning_77k.json"] = b"[]"
    web.asked.clear()
    assert f"data    {tmp_path}" in invoke(*args).stdout
    assert [asked for asked, _ in web.asked] == [f"{path}/complex_reasoning_77k.json"]


def test_a_mirror_is_a_pair(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="write it as FROM=TO"):
        invoke("fetch", "llava", "--to", str(tmp_path), "--mirror", "https://x")


def test_check_tells_people_and_programs(tmp_path: Path) -> None:
    root = nlvr2(tmp_path)
    assert "4 sound, 0 problems, 8 pictures" in invoke("check", str(root)).stdout
    (root / "images" / "dev-2-0-img1.png").unlink()
    assert "missing file dev-2-0-img1.png" in invoke("check", str(root), code=1).stdout
    args = ("check", str(root), "--task", "nlvr2", "--task-arg", "source=full", "--json")
    (told,) = json.loads(invoke(*args, code=1).stdout)
    assert told["sound"] == 3 and told["problems"] == [{"item": "dev-2-0-0", "what": "missing file dev-2-0-img1.png"}]


def test_import_llava_says_what_was_left_out(tmp_path: Path) -> None:
    (tmp_path / "000000012345.jpg").write_bytes(picture(0))
    rows = [
        {
            "id": name,
            "image": f"{name}.jpg",
            "conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}],
        }
        for name in ("000000012345", "000000099999")
    ]
    (tmp_path / "l.json").write_text(json.dumps(rows))
    out = tmp_path / "records.json"
    args = ("import", "llava", str(tmp_path / "l.json"), "--images", str(tmp_path), "--out", str(out))
    with pytest.raises(UserError, match=r"missing file 000000099999\.jpg\n.*--skip-bad"):
        invoke(*args)
    told = invoke(*args, "--skip-bad")
    assert "leakage not checked" in told.stdout and len(json.loads(out.read_text())) == 1
    with pytest.raises(UserError, match="is there already"):
        invoke(*args)
