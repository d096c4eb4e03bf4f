# make help lists the targets. Everything a target needs is installed by the target itself,
# from the hashed lists in requirements/, into .venv (the project) and .tools (uv, the SAM CLI).
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.13 || command -v python3)
BIN := .venv/bin
UV := .tools/uv/bin/uv
SAM := .tools/sam/bin/sam
ARCHITECTURE ?= x86_64

# No program started here reports its use to anybody.
export ORT_DISABLE_TELEMETRY := 1
export SAM_CLI_TELEMETRY := 0
export HF_HUB_OFFLINE := 1

LOCK := $(UV) pip compile --quiet --universal --python-version 3.12 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate

##@ The two commands of the README
.PHONY: demo test
demo: setup ## Triage 200 tickets of a simulated Freshdesk and print what happened
	$(BIN)/python -m freshdesk_simulator.demo

test: build ## Run the test suite (no network but loopback)
	$(BIN)/pytest -m "not docker and not browser"

##@ Working on it
.PHONY: setup format lint types contracts template-lint check coverage
setup: .venv/.ready ## Make .venv with the console script otai-freshdesk

format: setup ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix --exit-zero --quiet

lint: setup ## Check format and style
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: setup ## Check the types, strictly
	$(BIN)/mypy functions layers/classifier model/training tests benchmarks

contracts: setup ## Check that imports point inward
	$(BIN)/lint-imports --no-cache

template-lint: $(SAM) ## Validate and lint template.yaml
	AWS_DEFAULT_REGION=eu-central-1 $(SAM) validate --lint

check: lint types contracts template-lint template-scan secrets-scan build test ## The whole gate

coverage: setup ## Run the tests with branch coverage
	$(BIN)/coverage run -m pytest -m "not docker and not browser"
	$(BIN)/coverage report

.PHONY: prove-sweep prove-worlds
prove-sweep: setup ## Prove at scale that nothing is lost, doubled or overwritten (under 10 minutes)
	$(BIN)/python -m proofs.prove_sweep

WORLDS ?= 5000
prove-worlds: setup ## Search WORLDS hostile worlds of chance for one that ends badly (some 15 minutes)
	$(BIN)/python -m proofs.prove_sweep --only hostile_worlds --worlds $(WORLDS)

.PHONY: report test-browser
report: setup ## Write build/report.html, the backtest of a simulated account
	$(BIN)/python -m support.report

test-browser: report ## Test the report in a browser (needs Chromium)
	$(BIN)/pytest -m browser tests/browser

##@ Security
.PHONY: audit sbom secrets-scan mutation
SECURITY := .tools/security/bin
LAYER_LOCK := layers/dependencies/requirements.txt
audit: setup .tools/security/.ready ## Ask a public database for known vulnerabilities (network; not part of check)
	@$(BIN)/python -m support.audit $(LAYER_LOCK) requirements/dev.txt

sbom: .tools/security/.ready ## List what layers and command line are made of, as CycloneDX in build/sbom
	mkdir -p build/sbom
	$(SECURITY)/cyclonedx-py requirements --output-reproducible --short-PURLs \
	  --output-file build/sbom/layers.cdx.json $(LAYER_LOCK)
	$(SECURITY)/cyclonedx-py requirements --output-reproducible --short-PURLs \
	  --output-file build/sbom/command-line.cdx.json requirements/dev.txt

secrets-scan: .tools/security/.ready ## Look for secrets in the files under version control
	git ls-files -z | xargs -0 $(SECURITY)/detect-secrets-hook --no-verify \
	  --baseline requirements/secrets.json

mutation: setup ## Change the code in one place at a time and see whether a test notices (an hour)
	$(BIN)/python -m support.mutation

##@ The model
.PHONY: encoder model model-report evaluate check-tickets bench-learning
TRAIN_PYTHON ?= python3.11
ENCODER := PYTHONPATH=model/training/classifier_training .venv-train/bin/python -m encoder
encoder: setup .venv-train/.ready ## Build the encoder from its published weights: trim, fine-tune, int8 (three to four hours)
	$(ENCODER) fetch
	$(ENCODER) trim
	$(BIN)/python -m classifier_training.encoder prepare
	$(ENCODER) finetune
	$(ENCODER) recall
	cp build/encoder/tuned/encoder.onnx build/encoder/tuned/tokenizer.json model/bundle/

model: setup ## Train the heads of the shipped bundle on model/tickets, with the encoder there (half an hour, 8 GB)
	$(BIN)/python -m classifier_training.default

model-report: setup ## Measure the shipped bundle on the test split and write MODEL_CARD.md
	$(BIN)/python -m classifier_training.card

evaluate: setup ## Accuracy of the shipped bundle on the test split, as JSON
	$(BIN)/python -m classifier_training.evaluate model/bundle model/tickets/test.jsonl

check-tickets: setup ## Name near-copies among the labelled tickets, above all of the test split
	$(BIN)/python -m classifier_training.copies

DATA ?= data
bench-learning: setup ## Measure train against the usual baselines on the public sets in DATA (an hour)
	$(BIN)/python -m benchmarks.learning $(DATA)

##@ Measuring it beside its peers
.PHONY: peers bench load
peers: setup .venv-peers/.ready ## Make .venv-peers, and train there what can be trained (some 40 minutes)
	$(BIN)/python -m benchmarks.classify

bench: build peers ## Measure beside the peers and write docs/benchmarks.md (under 15 minutes)
	$(BIN)/python -m benchmarks.run

load: build ## Measure the webhook under 1 to 64 clients, and beyond (some minutes)
	$(BIN)/python -m benchmarks.run --only load

##@ Building and deploying
.PHONY: build size costs cold template-scan test-sam-local deploy secrets off shadow live lock
STAGE ?= default
PREFIX ?= /otai-freshdesk
build: .aws-sam/build/.$(ARCHITECTURE) ## Build functions and layers for ARCHITECTURE (x86_64 or arm64)

costs: setup ## Count what AWS takes a month, from stated prices
	@$(BIN)/python -m support.costs

size: build ## Show how large functions and layers are, as files and zipped
	$(BIN)/python -m support.size

cold: build ## Measure start, first and warm requests in the Lambda runtime (some minutes)
	$(BIN)/python -m support.cold

template-scan: .tools/checkov/.ready ## Check template.yaml for risky settings (checkov)
	.tools/checkov/bin/checkov --quiet --compact --skip-download --framework cloudformation \
	  --file template.yaml

test-sam-local: build ## Run the functions in containers (needs a container engine)
	$(BIN)/pytest -m docker tests/runtime

deploy: build ## Deploy to AWS; STAGE=dev or prod takes that section of samconfig.toml
	$(SAM) deploy --config-env $(STAGE) --guided

secrets: setup ## Ask for the API key and the webhook secret, and put them into AWS below PREFIX
	@$(BIN)/python -m otai_freshdesk.cli.parameters secrets --prefix $(PREFIX)

off: ## Switch triage off, within a minute and without a deployment
shadow: ## Let triage decide and log, and write nothing
live: ## Let triage write
off shadow live: setup
	@$(BIN)/python -m otai_freshdesk.cli.parameters $@ --prefix $(PREFIX)

lock: $(UV) ## Compile the hashed requirement files anew
	$(LOCK) --upgrade requirements/uv.in -o requirements/uv.txt
	$(LOCK) --upgrade requirements/sam.in -o requirements/sam.txt
	$(LOCK) --upgrade requirements/checkov.in -o requirements/checkov.txt
	$(LOCK) --upgrade requirements/security.in -o requirements/security.txt
	$(LOCK) --upgrade pyproject.toml --all-extras --group dev -o requirements/dev.txt
	$(PYTHON) layers/dependencies/lock.py

.PHONY: help clean
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-zA-Z0-9_-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

clean: ## Remove what was built (keeps .venv)
	rm -rf .aws-sam build

# SAM empties its build folder, and this mark with it; its cache sees neither the architecture nor
# the recipes, so it goes when one of them is another.
BUILT_FROM := template.yaml .python-version layers/Makefile \
	$(shell find functions layers model/bundle -type f -not -name '*.pyc' -not -name '.*')
.aws-sam/build/.$(ARCHITECTURE): $(BUILT_FROM) | .venv/.ready $(SAM)
	@[ $@ -nt layers/Makefile ] || rm -rf .aws-sam
	ARCHITECTURE=$(ARCHITECTURE) $(SAM) build --cached --parallel \
	  --parameter-overrides Architecture=$(ARCHITECTURE)
	touch $@

.venv/.ready: requirements/dev.txt pyproject.toml .python-version | $(UV)
	$(UV) venv --quiet --allow-existing --python $$(cat .python-version) .venv
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation \
	  --editable .
	touch $@

.venv-train/.ready: requirements/encoder.in
	$(TRAIN_PYTHON) -m venv .venv-train
	.venv-train/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

.venv-peers/.ready: requirements/peers.in
	$(TRAIN_PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(UV): requirements/uv.txt
	$(PYTHON) -m venv .tools/uv
	.tools/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

.tools/security/.ready: requirements/security.txt | $(UV)
	$(UV) venv --quiet --allow-existing --python $$(cat .python-version) .tools/security
	$(UV) pip sync --quiet --python .tools/security/bin/python --require-hashes $<
	touch $@

.tools/checkov/.ready: requirements/checkov.txt | $(UV)
	$(UV) venv --quiet --allow-existing --python $$(cat .python-version) .tools/checkov
	$(UV) pip sync --quiet --python .tools/checkov/bin/python --require-hashes $<
	touch $@

$(SAM): requirements/sam.txt | $(UV)
	$(UV) venv --quiet --allow-existing --python $$(cat .python-version) .tools/sam
	$(UV) pip sync --quiet --python .tools/sam/bin/python --require-hashes $<
	touch $@
