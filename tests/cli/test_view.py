"""`sparkles-eval view`: what it refuses, and that the command serves what it says."""

from __future__ import annotations

import re
import signal
import urllib.request
from pathlib import Path

import pytest

from sparkles_eval.core.errors import StoreError, UserError
from sparkles_eval.store.store import Store
from tests.end_to_end.running import end, here, start


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--rater", "ada"], "are for --annotate"),
        (["--pairwise"], "are for --annotate"),
        (["--annotate"], "name who rates with --rater"),
        (["--annotate", "--rater", "../ada"], "letters, digits"),
        (["--annotate", "--rater", "ada"], "no run whose answers a person could rate"),
    ],
)
def test_wishes_that_contradict_each_other(tmp_path: Path, args: list[str], told: str) -> None:
    Store(tmp_path / "s.db").close()
    with pytest.raises(UserError, match=told):
        here("view", str(tmp_path / "s.db"), "--no-browser", *args)


def test_what_is_no_store_is_not_made_into_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        here("view", str(tmp_path / "none.db"), "--no-browser")
    assert not (tmp_path / "none.db").exists()


def test_the_address_that_it_prints_is_served_until_it_is_interrupted(tmp_path: Path) -> None:
    Store(tmp_path / "s.db").close()
    process = start("view", str(tmp_path / "s.db"), "--no-browser", PYTHONUNBUFFERED="1")
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.match(r"(http://127\.0\.0\.1:\d+/[\w-]{20,}/)", line)
    assert found, line
    with urllib.request.urlopen(found[1], timeout=30) as reply:  # noqa: S310 - our own address
        assert "The store holds no runs yet" in reply.read().decode()
    process.send_signal(signal.SIGINT)
    done = end(process)
    assert done.code in (0, 130) and "Traceback" not in done.err
