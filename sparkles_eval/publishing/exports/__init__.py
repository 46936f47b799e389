"""Numbers and samples in the forms that other programs read, each number with its interval and n where it has a place.

model_index   YAML for the head of a Hugging Face model card
harness       JSON as lm-eval writes its results
samples       JSON lines, one a sample: plain, or as Inspect's logs have them
parquet       one row a score
"""

from enum import StrEnum


class ExportFormat(StrEnum):
    """What an export can be, as `export --as` calls it."""

    MODEL_INDEX = "model-index"
    RESULTS = "results-json"
    JSONL = "jsonl"
    INSPECT = "inspect-jsonl"
    PARQUET = "parquet"
