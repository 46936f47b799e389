"""Prompts are taken out of a checkout's source text without running it, and render to what str.format would give."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkles_eval.core import Image, Model, Sample, Text, Turn
from sparkles_eval.core.errors import ContentError, UserError
from sparkles_eval.judges.base import AnsweredSample
from sparkles_eval.judges.load import load_judge
from sparkles_eval.tasks.prompts import JinjaPrompt
from sparkles_eval.tasks.published_prompts import import_published

SOURCE = '''
import os
os._exit(7)  # never runs

class BISONDataset:
    def __init__(self):
        self.prompt_template = """Look at IMAGE#1<Img><ImageHere></Img> and at IMAGE#2<Img><ImageHere></Img>.
{{literal}} {{% not a tag %}} 'caption: {}' {{# #}}
End."""

class NLVR2Dataset:
    def __init__(self):
        self.prompt_template = ("Left <Img><ImageHere></Img>, "
            "right <Img><ImageHere></Img>: ") + "'{}'" + "?"

def llm_as_judge(path):
    judge_template = """Images {images}
Q1 {Q1} / A1 {A1} / Q2 {Q2} / A2 {A2} [[5]]"""
    return judge_template.format(images=1)
'''


def checkout(where: Path, source: str = SOURCE) -> Path:
    (where / "evaluate.py").write_text(source)
    return where


def picture(number: int, caption: str = "a dog") -> Image:
    return Image(f"{number:064d}", "image/jpeg", 8, 8, 80, f"{number}.jpg", id=str(number), caption=caption)


def asked(path: Path, field: str) -> str:
    sample = Sample("s", (Turn((picture(1), picture(2))),), {field: "two {{ dogs }}"})
    (message,) = JinjaPrompt(path.read_text(), name=path.name).conversation(sample, []).messages
    return "".join(part.text if isinstance(part, Text) else f"<{part.relpath}>" for part in message.parts)


def test_templates_render_to_the_published_text(tmp_path: Path) -> None:
    files = import_published(checkout(tmp_path), tmp_path / "own")
    assert [str(file.relative_to(tmp_path / "own")) for file in files] == [
        "tasks/bison/paper.md.j2",
        "tasks/nlvr2/paper.md.j2",
        "judges/sparkles/paper.md.j2",
    ]
    assert asked(files[0], "caption") == (
        "Look at IMAGE#1<1.jpg> and at IMAGE#2<2.jpg>.\n{literal} {% not a tag %} 'caption: two {{ dogs }}' {# #}\nEnd."
    )
    assert asked(files[1], "sentence") == "Left <1.jpg>, right <2.jpg>: 'two {{ dogs }}'?"


def test_the_judge_prompt_is_used_over_content(tmp_path: Path) -> None:
    import_published(checkout(tmp_path), tmp_path / "own")
    model = Model("openai/gpt-4", "openai", "gpt-4")
    judge = load_judge("sparkles", protocol="paper", adapter_model=model, content=(tmp_path / "own",))
    one = Turn((Text("See IMAGE#1"), picture(1, "a {dog}"), Text("?")))
    (call,) = judge.calls(AnsweredSample(Sample("s", (one, Turn((Text("More?"),)))), ("Yes {A2}", "No")))
    assert call.conversation is not None
    assert call.conversation.messages[0].text == (
        "Images [{'image_id': 1, 'caption': 'a {dog}'}]\nQ1 See IMAGE#1? / A1 Yes {A2} / Q2 More? / A2 No [[5]]"
    )


def test_a_published_prompt_keeps_the_blanks_round_it_to_the_byte(tmp_path: Path) -> None:
    source = SOURCE.replace('"""Images {images}', '"""\n  Images {images}').replace(
        '{A2} [[5]]"""', '{A2} [[5]]\n\n"""'
    )
    source = source.replace('\nEnd."""', '\nEnd. \n"""')
    files = import_published(checkout(tmp_path, source), tmp_path / "own")
    assert asked(files[0], "caption").endswith("{# #}\nEnd. \n")
    model = Model("openai/gpt-4", "openai", "gpt-4")
    judge = load_judge("sparkles", protocol="paper", adapter_model=model, content=(tmp_path / "own",))
    one = Turn((Text("See IMAGE#1"), picture(1, "a dog"), Text("?")))
    (call,) = judge.calls(AnsweredSample(Sample("s", (one, Turn((Text("More?"),)))), ("Yes", "No")))
    assert call.conversation is not None
    original = "\n  Images {images}\nQ1 {Q1} / A1 {A1} / Q2 {Q2} / A2 {A2} [[5]]\n\n"
    records = [{"image_id": 1, "caption": "a dog"}]
    expected = original.format(images=records, Q1="See IMAGE#1?", A1="Yes", Q2="More?", A2="No")
    assert call.conversation.messages[0].text == expected


def test_the_import_can_be_repeated_but_overwrites_nothing_else(tmp_path: Path) -> None:
    own = tmp_path / "own"
    first = import_published(checkout(tmp_path), own)
    assert import_published(tmp_path / "evaluate.py", own) == first
    first[1].write_text("mine")
    with pytest.raises(UserError, match="was not imported"):
        import_published(tmp_path, own)
    assert first[1].read_text() == "mine"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("class BISONDataset", "class Bison"), "no class or function BISONDataset"),
        (("self.prompt_template = (", "self.prompt = ("), "NLVR2Dataset assigns no prompt_template"),
        (('judge_template = """', 'judge_template = f"""'), "judge_template of llm_as_judge is an f-string"),
        (('+ "?"', "+ os.name"), "prompt_template of NLVR2Dataset is not a constant text"),
        (("caption: {}", "caption: {sentence}"), "the slot {sentence} is unknown; expected {}"),
        (("caption: {}", "caption"), "holds no slots; expected is each of {} once"),
        (("A2 {A2}", "A2 {A2} {A2}"), "expected is each of {images}, {Q1}, {A1}, {Q2}, {A2} once"),
        (("{{literal}}", "{literal"), "not a text for str.format"),
        (('"Left <Img><ImageHere></Img>', '("Left'[1:]), "holds 1 image placeholders"),
        (("import os", "import"), "line 2: not Python"),
        (("import os", "\\0"), "not Python"),
    ],
)
def test_what_is_not_found_is_named_with_its_place(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    with pytest.raises(ContentError) as caught:
        import_published(
            checkout(tmp_path, SOURCE.replace(change[0], change[1].replace("\\0", "\0"), 1)), tmp_path / "own"
        )
    assert told in str(caught.value) and "evaluate.py" in str(caught.value)
    assert not (tmp_path / "own").exists()


def test_a_folder_without_the_file_says_which_one_is_meant(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="name the folder of a checkout of the original code"):
        import_published(tmp_path, tmp_path / "own")


def test_a_nest_too_deep_to_parse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="not Python"):
        import_published(checkout(tmp_path, SOURCE.replace('+ "?"', "+ " + "(" * 5000 + ")" * 5000)), tmp_path / "own")
