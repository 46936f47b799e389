"""From what `--model` says to an adapter, and the list of what it could say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sparkles_eval.adapters.base import AddressedAdapter, ModelOptions
from sparkles_eval.adapters.build import KINDS, build_adapter
from sparkles_eval.adapters.listing import list_models
from sparkles_eval.core import Generation
from sparkles_eval.core.errors import UserError
from tests.adapters.making import KEY, build, request

PLUGIN = """
from sparkles_eval.core import Generation, Reply

class Parrot:
    structured = False
    def __init__(self, model): self.model = model
    def effective(self, generation): return Generation()
    def check(self, request): return None
    async def answer(self, request): return Reply("Polly")
    async def aclose(self): pass

ADAPTERS = {"parrot": lambda model, options: Parrot(model)}
"""


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


@pytest.mark.usefixtures("keys")
async def test_a_preset_is_found_by_its_name_and_by_kind_and_model() -> None:
    for spec in ("gpt-6.2-sol", "openai/gpt-6.2-sol"):
        adapter = build(spec)
        assert adapter.model.name == "openai/gpt-6.2-sol" and adapter.model.prices.input == 2
        effective = adapter.effective(Generation(temperature=0.0, max_tokens=1000, seed=1))
        assert effective == Generation(max_tokens=9000)
        assert adapter.structured
        assert adapter.check(request("x", generation=effective)) is None
        await adapter.aclose()
    dated = build("anthropic/claude-haiku-4-5-20251001")
    assert dated.model.name == "anthropic/claude-haiku-4-5" and dated.model.prices.output == 5
    await dated.aclose()


@pytest.mark.usefixtures("keys")
async def test_every_shipped_remote_preset_takes_the_published_sampling() -> None:
    paper = Generation(temperature=1.0, top_p=0.9, max_tokens=1000, seed=2023)
    for info in list_models():
        if info.kind in ("openai", "anthropic") and info.model_id:
            adapter = build(info.name)
            assert adapter.check(request("x", generation=adapter.effective(paper))) is None, info.name
            await adapter.aclose()


async def test_a_preset_file_and_a_content_folder(tmp_path: Path) -> None:
    (tmp_path / "adapters").mkdir()
    file = tmp_path / "adapters" / "local.yaml"
    file.write_text("kind: openai\nmodel: llava:7b\ntitle: L\nsettings: {base_url: 'http://localhost:11434/v1'}\n")
    by_file = build(str(file))
    by_name = build_adapter("local", ModelOptions(), content=[tmp_path])
    by_model = build_adapter("openai/llava:7b", ModelOptions(), content=[tmp_path])
    assert {a.model.name for a in (by_file, by_name, by_model)} == {"openai/local"}
    assert isinstance(by_name, AddressedAdapter) and by_name.address == "http://localhost:11434/v1"
    for adapter in (by_file, by_name, by_model):
        await adapter.aclose()


def test_a_preset_lists_several_servers(tmp_path: Path) -> None:
    file = tmp_path / "several.yaml"
    file.write_text("kind: openai\nmodel: m\ntitle: M\nsettings: {base_url: ['http://a/v1', 'http://b/v1/']}\n")
    several = build(str(file))
    assert isinstance(several, AddressedAdapter)
    assert [endpoint.address for endpoint in several.endpoints] == ["http://a/v1", "http://b/v1"]
    assert several.model.identity == build("openai/m", base_url="http://c/v1").model.identity


def test_a_mistake_in_a_presets_settings_is_found(tmp_path: Path) -> None:
    file = tmp_path / "local.yaml"
    file.write_text("kind: openai\nmodel: m\ntitle: L\nsettings: {base_url: 'http://localhost/v1', speed_up: low}\n")
    with pytest.raises(UserError, match="unknown setting 'speed_up'; kind openai knows"):
        build(str(file))


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("gpt-6.2-sul", "did you mean gpt-6.2-sol"),
        ("nonsense", "list models"),
        ("openai/", "missing after openai/"),
        (
            "cohere/x",
            f"adapter kind 'cohere' is not part of this version; there are {', '.join(sorted(KINDS)[:2])},",
        ),
        ("sparkleschat-7b", "weights needed"),
    ],
)
def test_wrong_names_come_with_the_mend(spec: str, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        build(spec)
    assert complaint in str(caught.value)


def test_the_list_says_what_is_not_usable_and_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "broken.yaml").write_text("kind: openai\n")
    models = {info.name: info for info in list_models(content=[tmp_path])}
    assert models["gpt-4o"].usable and models["gpt-4o"].prices.input == 2.5
    assert models["claude-opus-5-5"].why_not == "no key; set ANTHROPIC_API_KEY"
    assert "sparkleschat" in models["sparkleschat-7b"].why_not and models["sparkleschat-7b"].free
    assert "broken.yaml" in models["broken"].why_not
    assert models["baseline/chance"].usable and models["replay/FILE"].usable and models["openai/MODEL"].usable
    assert all(info.usable != bool(info.why_not) for info in models.values())
    assert KEY not in repr(models)


@pytest.mark.parametrize("key", ["sk-\u00e9t\u00e9", "sk-one two", "sk-\u2013dash", "sk-line\nother"])
@pytest.mark.parametrize("base_url", [(), (("base_url", "http://localhost:1/v1"),)])
def test_a_key_that_no_header_can_carry(
    monkeypatch: pytest.MonkeyPatch, key: str, base_url: tuple[tuple[str, str], ...]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(
        UserError, match=r"OPENAI_API_KEY is no key: its character [4-8] can stand in no HTTP header"
    ) as caught:
        build_adapter("openai/x", ModelOptions(base_url))
    assert key not in str(caught.value)


async def test_a_plugin_brings_a_kind(tmp_path: Path) -> None:
    file = tmp_path / "parrots.py"
    file.write_text(PLUGIN)
    adapter = build_adapter("parrot/grey", ModelOptions(), plugins=[file])
    assert (await adapter.answer(request("x"))).text == "Polly" and adapter.model.model_id == "grey"
    listed = {info.name: info for info in list_models(plugins=[file])}
    assert listed["parrot/MODEL"].usable


def test_asking_what_there_is_imports_no_model_library() -> None:
    program = (
        "import sys, json\n"
        "from sparkles_eval.adapters.build import build_adapter\n"
        "from sparkles_eval.adapters.listing import list_models\n"
        "from sparkles_eval.adapters.base import ModelOptions\n"
        "list_models(); build_adapter('baseline/chance', ModelOptions())\n"
        "print(json.dumps([m for m in ('openai','anthropic','torch','transformers','pandas','PIL','aiohttp','numpy')"
        " if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_a_provider_s_library_is_imported_early_and_local_ones_are_not() -> None:
    words = "import sys; from sparkles_eval.adapters.build import import_early; import_early({!r}); import threading;"
    words += "[t.join() for t in threading.enumerate() if t.daemon]; print([n for n in {!r} if n in sys.modules])"
    for kind, library in (("openai", ["openai"]), ("transformers", []), ("nobody", [])):
        asked = words.format(kind, ["openai", "anthropic", "torch"])
        done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(library)
