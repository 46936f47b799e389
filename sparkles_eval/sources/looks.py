"""The look of a picture as 64 bits: brighter or darker than its mean, on eight by eight fields.

As the average hash of the package ImageHash computes it, which the NLVR2 authors publish for every photograph; a test
holds ours to values that it gave. Knows nothing of files.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image as Pillow


def average_look(data: bytes) -> str | None:
    """Sixteen hex digits, or None where the bytes are no picture that can be decoded whole."""
    try:
        with Pillow.open(io.BytesIO(data)) as opened:
            opened.load()
            grey = opened.convert("L").resize((8, 8), Pillow.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        return None
    values = np.asarray(grey, dtype=np.float64)
    bits = (values > values.mean()).flatten()
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"
