"""Weight files of every kind, whole, sharded, old and damaged."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'local'")
pytest.importorskip("safetensors", reason="needs the extra 'local'")

from safetensors.torch import save_file  # noqa: E402

from sparkles_eval.core.errors import UserError  # noqa: E402
from sparkles_eval.sparkleschat.weight_files import open_weights, read_json  # noqa: E402


@pytest.mark.parametrize("new", [True, False])
def test_both_formats_of_torch(tmp_path: Path, new: bool) -> None:
    file = tmp_path / "a.pth"
    torch.save({"state_dict": {"x": torch.ones(2, 3)}, "epoch": 1}, file, _use_new_zipfile_serialization=new)
    weights = open_weights(file)
    assert (list(weights), weights.shapes(), len(weights)) == (["x"], {"x": (2, 3)}, 1)
    assert torch.equal(weights["x"], torch.ones(2, 3))


def test_shards_of_a_folder(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "pytorch_model-00001-of-00002.bin")
    torch.save({"b": torch.ones(2)}, tmp_path / "pytorch_model-00002-of-00002.bin")
    assert open_weights(tmp_path).shapes() == {"a": (1,), "b": (2,)}
    save_file({"c": torch.ones(3)}, tmp_path / "model-00001-of-00001.safetensors")
    assert open_weights(tmp_path).shapes() == {"c": (3,)}


def test_an_index_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../../secret.safetensors"}}), encoding="utf-8")
    with pytest.raises(UserError, match=r"secret\.safetensors missing; download the folder again"):
        open_weights(tmp_path)
    index.write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match="not a JSON object"):
        open_weights(tmp_path)
    index.write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="no weight_map"):
        open_weights(tmp_path)


def test_what_is_no_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no model\*\.safetensors"):
        open_weights(tmp_path)
    (tmp_path / "a.safetensors").write_bytes(b"\xff" * 20)
    with pytest.raises(UserError, match="not a readable safetensors file"):
        open_weights(tmp_path / "a.safetensors")
    for damaged in (b"", b"PK\x03\x04 not really", b"\x80\x02garbage"):
        (tmp_path / "b.pth").write_bytes(damaged)
        with pytest.raises(UserError, match=r"b\.pth"):
            open_weights(tmp_path / "b.pth")
    torch.save([torch.ones(1)], tmp_path / "c.pth")
    with pytest.raises(UserError, match="not a state of names and tensors"):
        open_weights(tmp_path / "c.pth")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_damage_is_one_line(tmp_path: Path) -> None:
    """Bytes flipped or cut off anywhere: read or refused, never a traceback."""
    file = tmp_path / "a.pth"
    draw = random.Random(0)  # noqa: S311 - repeats with its seed
    refused = []
    for new in (True, False):
        torch.save({"model": {"x": torch.ones(20, 20)}, "config": {"a": [1]}}, file, _use_new_zipfile_serialization=new)
        good = file.read_bytes()
        for _ in range(60):
            bad = bytearray(good[: draw.choice([len(good), draw.randrange(len(good))])])
            for _ in range(min(4, len(bad))):
                bad[draw.randrange(min(len(bad), 600))] = draw.randrange(256)
            file.write_bytes(bytes(bad))
            try:
                open_weights(file)
            except UserError as wrong:
                refused.append(str(wrong))
    assert len(refused) > 60
    assert all(str(file) in message for message in refused)


def test_json_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing or unreadable"):
        read_json(tmp_path / "config.json")
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="not JSON"):
        read_json(tmp_path / "config.json")
