"""Exports of numbers and samples for other programs, each number with its interval and n where the form has a place.

eval_results  YAML for `.eval_results/` of a model on the Hugging Face Hub, and `eval.yaml` of a data set
model_index   YAML for the head of a Hugging Face model card
every_eval_ever  JSON in the schema of Every Eval Ever
harness       JSON as lm-eval writes its results
samples       JSON lines, one for each sample: plain, or as Inspect's logs have them
parquet       one row for each score
trackers      a run of Weights & Biases or MLflow for each model (`publishing.trackers`)
"""

from enum import StrEnum


class ExportFormat(StrEnum):
    """What an export can be, as `export --as` calls it."""

    EVAL_RESULTS = "eval-results"
    EVAL_YAML = "eval-yaml"
    EVERY_EVAL_EVER = "every-eval-ever"
    MODEL_INDEX = "model-index"
    RESULTS = "results-json"
    JSONL = "jsonl"
    INSPECT = "inspect-jsonl"
    PARQUET = "parquet"
    WANDB = "wandb"
    MLFLOW = "mlflow"
