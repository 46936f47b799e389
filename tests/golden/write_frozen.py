"""Freezes the numbers as the program gives them now: `python -m tests.golden.write_frozen [STORE...]`.

A commit that changes a frozen number says why. Read `git diff tests/golden/frozen` before it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.golden.frozen_cases import CASES
from tests.golden.frozen_files import write
from tests.server import LoopbackServer


def main() -> None:
    """Make the stores and write what they give."""
    with tempfile.TemporaryDirectory() as temporary, LoopbackServer() as server:
        os.environ["SPARKLES_CACHE"] = f"{temporary}/cache"
        for name in sys.argv[1:] or CASES:
            folder = Path(temporary) / name
            folder.mkdir()
            print(write(name, CASES[name].observe(folder, server)))


if __name__ == "__main__":
    main()
