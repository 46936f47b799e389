# What people run. Every target sets up its own .venv first; nothing else has to be installed but Python 3.11-3.13.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
DEMO := runs/demo
MINI := runs/mini

# The two trained models join the demo where torch is installed; `make demo-local` installs it.
TINY = $(shell $(BIN)/python -c 'import importlib.util as u; print("--model sparkleschat-tiny --model minigpt4-tiny" if u.find_spec("torch") and u.find_spec("transformers") else "")')

.PHONY: demo demo-local reproduce-mini test simulate architectures architectures-vision check campaign bench docs setup setup-dev clean

.venv/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Python 3.11 to 3.13 is needed, $(PYTHON) is {v[0]}.{v[1]}; name another with make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv

.venv/core: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[figures,view]'
	@touch $@

.venv/local: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[local]'
	@touch $@ .venv/core

.venv/dev: .venv/local
	$(PIP) --editable '.[dev,local]'
	@touch $@

setup: .venv/core ## the program alone

setup-dev: .venv/dev ## the program and everything that tests need

demo: .venv/core ## the main job on drawn scenes: no network, no key
	$(BIN)/sparkles-eval run \
	  --task sparkleseval-mini --task bison-mini --task nlvr2-mini \
	  --model baseline/oracle --model baseline/chance --model baseline/constant --model baseline/echo $(TINY) \
	  --store $(DEMO)/sparkles.db --report $(DEMO)/report.html

demo-local: .venv/local ## the demo with both trained tiny models: installs torch
	$(MAKE) demo

reproduce-mini: .venv/dev ## train both tiny models from nothing on the CPU (about 16 minutes on one free core), then compare them
	$(BIN)/sparkles-eval train minigpt4-tiny --threads 1 --store $(MINI)/sparkles.db --out $(MINI)/minigpt4-tiny
	$(BIN)/sparkles-eval train sparkleschat-tiny --threads 1 --model $(MINI)/minigpt4-tiny/model --store $(MINI)/sparkles.db --out $(MINI)/sparkleschat-tiny
	$(BIN)/sparkles-eval run --task bison-mini --task nlvr2-mini --task sparkleseval-mini \
	  --task-arg bison-mini:n=504 --task-arg nlvr2-mini:n=504 \
	  --model sparkleschat-tiny --model-arg sparkleschat-tiny:weights=$(MINI)/sparkleschat-tiny/model \
	  --model minigpt4-tiny --model-arg minigpt4-tiny:weights=$(MINI)/minigpt4-tiny/model \
	  --store $(MINI)/sparkles.db --report $(MINI)/report.html

test: .venv/dev ## all tests
	$(BIN)/python -m pytest -n auto -q

simulate: .venv/dev ## sweeps that `test` makes a sample of: 50,000 sentences read, 10,000 forged answers judged (minutes)
	SPARKLES_SENTENCES=50000 $(BIN)/python -m pytest -q -n 0 tests/tasks/scorers/test_strict_reader.py
	$(BIN)/python -m tests.judges.forging 10000

architectures: .venv/dev ## a tiny checkpoint of every architecture of docs/reference/architectures.md: minutes
	SPARKLES_ARCHITECTURES=all $(BIN)/python -m pytest -q -n 0 tests/adapters/local/test_architectures.py

# An environment of its own: torchvision has to match torch, and constraints.txt pins a torch without a match.
.venv-vision/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-vision
	grep -v '^torch==' constraints.txt > .venv-vision/constraints.txt
	.venv-vision/bin/python -m pip install --quiet --disable-pip-version-check --constraint .venv-vision/constraints.txt \
	  torch==2.14.1 torchvision==0.29.1 --editable '.[dev,vision]'
	@touch $@

architectures-vision: .venv-vision/ready ## the same beside torchvision, in an environment of its own: 6 GB of disk
	SPARKLES_ARCHITECTURES=all .venv-vision/bin/python -m pytest -q -n 0 tests/adapters/local

check: .venv/dev ## format, lint, types, direction of imports, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

campaign: .venv/dev ## kills, faults, damage, forgeries and large stores in numbers: half an hour or more, 3 GB of disk; writes benchmarks/RESULTS.md
	SPARKLES_CAMPAIGN=whole $(BIN)/python -m pytest -q -n 0 -m campaign tests/campaign

bench: .venv/dev ## what it costs, beside a floor measured in the same run
	$(BIN)/python -m benchmarks --write

docs: .venv/dev ## the documentation as a site, in site/
	$(BIN)/mkdocs build --strict

clean: ## what can be made again
	rm -rf .venv .venv-vision runs site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
