"""`python -m sparkles_eval` is `sparkles-eval`."""

from sparkles_eval.cli.app import main

main()
