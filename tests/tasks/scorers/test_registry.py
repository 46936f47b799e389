"""Scorers are found in plugin files and installed packages; none of them can pass for a built-in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkles_eval.core.errors import ContentError, UserError
from sparkles_eval.tasks.scorers.registry import BUILT_IN, list_scorers, make_scorer, stored_scorer

OWN = '''
from sparkles_eval.tasks.scorers import Outcome, Question, scorer
from sparkles_eval.tasks.scorers.numeric import numeric

@scorer("{name}", version=3)
def mine(answer: str, question: Question, *, least: int = 1) -> Outcome:
    """Mine."""
    return Outcome(1.0)
'''


def plugin(folder: Path, text: str) -> Path:
    file = folder / "mine.py"
    file.write_text(text)
    return file


def test_a_plugin_offers_what_it_defines_and_not_what_it_imports(tmp_path: Path) -> None:
    file = plugin(tmp_path, OWN.format(name="mine"))
    assert [one.name for one in list_scorers([file])] == [*BUILT_IN, "mine"]
    made = make_scorer("mine", {"least": 2}, [file])
    assert (made.id, made.rule) == ("mine@3(least=2)", "mine@3(least=2)")
    assert stored_scorer(made.id, [file]) is not None and stored_scorer(made.id) is None
    assert stored_scorer("mine@2(least=2)", [file]) is None, "another version is another scorer"


@pytest.mark.parametrize("name", ["numeric", "strict"])
def test_a_name_that_is_taken_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ContentError, match=f"called {name!r}, as a built-in one is"):
        list_scorers([plugin(tmp_path, OWN.format(name=name))])


def test_two_of_a_name_in_one_file_and_mistakes_in_it_are_told(tmp_path: Path) -> None:
    again = OWN.format(name="mine") + "@scorer('mine')\ndef other(answer, question):\n    '''Other.'''\n"
    with pytest.raises(UserError, match="two of its scorers are called 'mine'"):
        list_scorers([plugin(tmp_path, again)])
    (tmp_path / "wrong").mkdir()
    with pytest.raises(UserError, match=r"--plugin .*mine.py: @scorer\('My own'\): a scorer's name has lower case"):
        list_scorers([plugin(tmp_path / "wrong", OWN.format(name="My own"))])


def test_an_installed_package_offers_scorers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scorer_package.py").write_text(OWN.format(name="packaged"))
    info = tmp_path / "scorer_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scorer-package\nVersion: 1.0\n")
    points = info / "entry_points.txt"
    points.write_text("[sparkles_eval.scorers]\npackaged = scorer_package:mine\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert make_scorer("packaged", {}).id == "packaged@3"
    points.write_text("[sparkles_eval.scorers]\nother = scorer_package:mine\n")
    with pytest.raises(ContentError, match=r"is no @scorer\('other'\)"):
        make_scorer("packaged", {})
    points.write_text("[sparkles_eval.scorers]\npackaged = scorer_package:gone\n")
    with pytest.raises(ContentError, match="reinstall its package"):
        make_scorer("packaged", {})
