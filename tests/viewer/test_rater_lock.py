"""One person rates a store in one process at a time; whoever else tries is told, and a killed process holds nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.viewer.rater_lock import only_session

_HOLDS = """
import sys, time
from pathlib import Path
from sparkles_eval.viewer.rater_lock import only_session
with only_session(Path(sys.argv[1]), "ada"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_process_of_one_rater_is_refused_until_the_first_ends(tmp_path: Path, root: Path) -> None:
    store = tmp_path / "s.db"
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(store)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=r"ada is rating .* already"), only_session(store, "ada"):
            pass
        with only_session(store, "ben"), only_session(tmp_path / "other.db", "ada"):
            pass
        other.kill()
    with only_session(store, "ada"):
        pass


def test_where_nothing_can_be_noted_one_may_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "file"))
    with only_session(tmp_path / "s.db", "ada"):
        pass
