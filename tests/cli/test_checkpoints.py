"""`checkpoints convert` and `sources`: thin sentences around the conversion, which has tests of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparkles_eval.cli.app import app
from sparkles_eval.core.errors import DataError, UserError


def invoke(*args: str) -> str:
    result = CliRunner().invoke(app, ["checkpoints", *args], env={"COLUMNS": "180"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_sources_names_every_file_with_its_place_and_licence() -> None:
    out = invoke("sources")
    for word in ("--vision: get eva_vit_g.pth", "--qformer:", "--projection:", "--language:", "licence"):
        assert word in out


def test_missing_files_and_parts_are_told_with_the_mend(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'local'")
    some = ["convert", "--projection", str(tmp_path / "p.pth"), "--out", str(tmp_path / "out")]
    with pytest.raises(UserError, match="--vision, --qformer and --language"):
        invoke(*some)
    with pytest.raises(UserError, match="leave --vision"):
        invoke(*some, "--base", str(tmp_path), "--vision", str(tmp_path))
    parts = [word for part in ("vision", "qformer", "language") for word in (f"--{part}", str(tmp_path / part))]
    with pytest.raises(DataError, match=r"vision: .* is missing; get eva_vit_g\.pth"):
        invoke(*some, *parts)


def test_a_projection_is_converted_beside_its_base(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra 'local'")
    from tests.adapters.tiny_chat import write_model

    base = write_model(tmp_path / "base")
    file = tmp_path / "projection.pth"
    torch.save({"model": {"llama_proj.weight": torch.ones(48, 32), "llama_proj.bias": torch.ones(48)}}, file)
    out = invoke("convert", "--projection", str(file), "--base", str(base), "--out", str(tmp_path / "new"))
    assert "2 tensors used" in out and f"--model sparkleschat/{tmp_path / 'new'}" in out
    assert (tmp_path / "new" / "projection.safetensors").is_file()
