"""Device settings for torch and transformers: memory errors, precision, quantisation, threads."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparkles_eval.core.errors import OutOfMemory

if TYPE_CHECKING:
    import torch

DTYPES: Mapping[str, str] = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
"""What is written -> torch's name."""
QUANTISED = ("8bit", "4bit")
_MEBIBYTE = 2**20
_IDENTIFYING = (".safetensors", ".bin", ".json", ".jinja", ".model", ".txt")
_SMALL = 20_000_000
"""Parameters."""
_CPU_SHARE, _GPU_SHARE = 0.5, 0.85
"""How much of the free memory rows may fill; the rest is for what a step computes."""


@contextlib.contextmanager
def catch_out_of_memory(device: str) -> Iterator[None]:
    """Turns what torch raises when memory runs out into errors.OutOfMemory."""
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory(device, error) from None
    except RuntimeError as error:
        if "can't allocate memory" not in str(error) and "not enough memory" not in str(error):
            raise
        raise _out_of_memory(device, error) from None


def _out_of_memory(device: str, error: BaseException) -> OutOfMemory:
    first = str(error).partition("\n")[0][:200] or type(error).__name__
    return OutOfMemory(f"{device}: {first}")


def empty_cache(device: str) -> None:
    """Give freed memory back, so that a smaller batch finds it in one piece."""
    import torch

    if device.startswith("cuda"):
        with torch.cuda.device(device):
            torch.cuda.empty_cache()


def row_memory(device: str) -> int:
    """Bytes that rows may fill on a device, with the weights already there."""
    import torch

    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * _GPU_SHARE)
    try:
        return int(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * _CPU_SHARE)
    except (ValueError, OSError):  # a system that does not say
        return 2**31


def torch_dtype(name: str) -> torch.dtype:
    """torch's dtype for what is computed in: quantised weights compute in bf16."""
    import torch

    found = getattr(torch, DTYPES.get(name, "bfloat16"))
    assert isinstance(found, torch.dtype)
    return found


@contextlib.contextmanager
def fitting_threads(model: torch.nn.Module, device: str) -> Iterator[None]:
    """One thread for a small model on a CPU: handing tiny matrices round costs more than computing them."""
    import torch

    before = torch.get_num_threads()
    small = device == "cpu" and sum(weight.numel() for weight in model.parameters()) < _SMALL
    if small:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if small:
            torch.set_num_threads(before)


def quantisation(dtype: str, device: str, kept: Sequence[str]) -> dict[str, object]:
    """What `from_pretrained` takes for 8bit or 4bit; modules named in `kept` are not rounded."""
    import torch
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_8bit=dtype == "8bit",
        load_in_4bit=dtype == "4bit",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_quant_type="nf4",
        llm_int8_skip_modules=list(kept),
    )
    return {"quantization_config": config, "device_map": {"": device}}


def folder_hash(folder: Path) -> str:
    """Identity of a checkpoint's folder: small files whole, weights by size and their first and last MiB.

    Reading all of a large model would take as long as loading it.
    """
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in _IDENTIFYING and file.is_file():
            size = file.stat().st_size
            digest.update(f"{file.name}|{size}|".encode())
            with file.open("rb") as stream:
                digest.update(stream.read(_MEBIBYTE))
                stream.seek(max(0, size - _MEBIBYTE))
                digest.update(stream.read())
    return digest.hexdigest()


def quiet() -> None:
    """No progress bars and reports of transformers' own: they would write over the run's."""
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def json_hash(value: object) -> str:
    """SHA-256 of a JSON value's canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def visible_gpus() -> list[str]:
    """Names of the GPUs that torch can use; empty where there is none."""
    import torch

    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
