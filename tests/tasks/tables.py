"""Pictures and parquet files for tests of tables."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image


def drawn(number: int, kind: str = "PNG") -> bytes:
    """An encoded picture of its own colour."""
    out = io.BytesIO()
    Image.new("RGB", (12, 10), (40 * number % 256, 90, number % 256)).save(out, kind)
    return out.getvalue()


def parquet(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Write rows as a parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)
    return path
