# Two commands set up all that they need in .venv: `make demo` and `make test`.
# They need python3.11 (or newer), make and a Python package index; no model hub, no GPU, no node.
#
#   PYTHON               the interpreter that makes .venv
#   TUNEKIT_TORCH_INDEX  an index to take torch from, e.g. one of CPU builds; empty by default
#   TORCH                what to install as torch before everything else
#   PARALLEL             how pytest spreads the tests over the cores; empty for one after the other

PYTHON ?= $(shell command -v python3.11 || command -v python3)
TORCH ?= torch==2.13.0
TUNEKIT_TORCH_INDEX ?=
PARALLEL ?= -n auto --maxprocesses 4 --dist worksteal

BIN := .venv/bin
# Modules are compiled when they are first imported; most of what torch brings never is.
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --no-compile
PEERS_PIP := .venv-peers/bin/python -m pip install --disable-pip-version-check --quiet --no-compile
# What tunekit is measured against and doesn't depend on; trl brings datasets.
PEERS := trl==1.16.0 datasets
EXTRAS := local,openai,anthropic,pandas,parquet,hf,spacy,onnx,gguf,dev,docs

.DEFAULT_GOAL := help
.PHONY: help setup demo test text lint types mypy pyright imports docs unit soak bench gpu peers format clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# --- the environment ------------------------------------------------------------------------------

.venv/torch:
	$(PYTHON) -m venv .venv
	$(PIP) $(if $(TUNEKIT_TORCH_INDEX),--index-url $(TUNEKIT_TORCH_INDEX)) '$(TORCH)'
	@if ! command -v nvidia-smi >/dev/null && $(BIN)/python -m pip list 2>/dev/null | grep -q '^nvidia-'; then \
	  echo "note: torch came with CUDA libraries, and there is no GPU here."; \
	  echo "      For a CPU build: make clean, then set TUNEKIT_TORCH_INDEX (see README.md)."; \
	fi
	@touch $@

.venv/demo: .venv/torch pyproject.toml
	$(PIP) -e '.[local]'
	@touch $@

.venv/all: .venv/torch pyproject.toml
	$(PIP) -e '.[$(EXTRAS)]'
	@touch $@ .venv/demo

setup: .venv/all ## everything that development needs, in .venv

# --- what people come for -------------------------------------------------------------------------

demo: .venv/demo ## tune a real model on customer messages and show what it learned
	$(BIN)/python examples/demo.py

test: text unit ## every gate; the tests come last

text: .venv/all # all that takes no test to run, two at a time
	@$(MAKE) --no-print-directory --keep-going -j2 mypy pyright lint imports docs

lint: .venv/all ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: mypy pyright ## mypy --strict and pyright

mypy: .venv/all
	$(BIN)/mypy --strict src

pyright: .venv/all
	$(BIN)/pyright --pythonpath $(BIN)/python src

imports: .venv/all ## which floor may import which
	$(BIN)/lint-imports

# Not --quiet: a warning that isn't said isn't counted by --strict either.
docs: .venv/all ## the documentation, in site/; its pictures are made first
	$(BIN)/python scripts/pictures.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

unit: .venv/all ## all tests that aren't long, with coverage; code blocks of the documentation too
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=term --junitxml=junit.xml

soak: .venv/all ## all long tests (up to 75 minutes)
	$(BIN)/python -m pytest $(PARALLEL) -m soak --timeout=4500

.venv-peers/all: pyproject.toml
	$(PYTHON) -m venv .venv-peers
	$(PEERS_PIP) $(if $(TUNEKIT_TORCH_INDEX),--index-url $(TUNEKIT_TORCH_INDEX)) '$(TORCH)'
	$(PEERS_PIP) -e '.[local]' $(PEERS)
	@touch $@

bench: .venv/all .venv-peers/all ## benchmarks of an hour at most, and one table of them
	$(BIN)/python benchmarks/run_all.py

gpu: .venv/all ## for whoever has a CUDA device: its tests, and a table of models, memory and speed
	$(BIN)/python -m pytest -m gpu -o addopts="-ra --strict-markers --import-mode=importlib" tests
	$(BIN)/python benchmarks/gpu.py

peers: .venv/all ## comparisons with other libraries
	@$(BIN)/python -m pytest -m peer; status=$$?; \
	if [ $$status -eq 5 ]; then echo "No comparison with another library yet."; else exit $$status; fi

format: .venv/all ## let ruff write
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## forget .venv and everything built
	rm -rf .venv .venv-peers .venv-peers-autotrain build dist site docs/pictures .coverage .coverage.* junit.xml
