"""Exports of numbers and samples for other programs, each number with its interval and n where the form has a place.

model_index   YAML for the head of a Hugging Face model card
harness       JSON as lm-eval writes its results
samples       JSON lines, one for each sample: plain, or as Inspect's logs have them
parquet       one row for each score
"""

from enum import StrEnum


class ExportFormat(StrEnum):
    """What an export can be, as `export --as` calls it."""

    MODEL_INDEX = "model-index"
    RESULTS = "results-json"
    JSONL = "jsonl"
    INSPECT = "inspect-jsonl"
    PARQUET = "parquet"
