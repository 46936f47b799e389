"""What importing the package costs, and what it says where model libraries are not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
import sparkles_eval.sparkleschat as chat
from sparkles_eval.sparkleschat import prompts
assert not {"torch", "transformers", "safetensors"} & set(sys.modules)
"""

WITHOUT = """
import sys
sys.modules["torch"] = None
from sparkles_eval.core.errors import MissingExtra
try:
    from sparkles_eval.sparkleschat import SparklesChatConfig, SparklesChatForConditionalGeneration
except MissingExtra as wrong:
    print(wrong)
"""


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_importing_loads_no_model_library() -> None:
    python(CODE)


def test_a_missing_library_says_what_to_install() -> None:
    assert "pip install 'sparkles-eval[local]'" in python(WITHOUT)


def test_every_public_name_is_there() -> None:
    pytest.importorskip("torch", reason="needs the extra 'local'")
    pytest.importorskip("transformers", reason="needs the extra 'local'")
    import sparkles_eval.sparkleschat as chat

    assert all(getattr(chat, name) is not None for name in chat.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = chat.nothing
