# One word each; the virtual environment is made when missing and brought up to date when a requirements file changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test lint bench gallery mmaudio

run: $(VENV)/run.stamp
	@exec $(BIN)/python manage.py up

# Several files of tests at once (tests/conftest.py says how many); then, one after the other, what plays in real time.
# Where ARGS choose none of a part's tests, pytest ends with 5.
test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m "not alone" $(ARGS) || [ $$? -eq 5 ]
	$(BIN)/python -m pytest -m alone $(ARGS) || [ $$? -eq 5 ]

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

bench: $(VENV)/dev.stamp
	$(BIN)/python -m tests.bench

# Every sound the foley model makes, on a page to listen to: FAMILIES="bell rain" for some of them.
gallery: $(VENV)/dev.stamp
	$(BIN)/python -m tests.gallery $(FAMILIES)

# The MMAudio network is an optional install, of a gigabyte and more: see docs/mmaudio.md.
mmaudio: $(VENV)/mmaudio.stamp

# One that was left half made would never be finished: it goes.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Soundstage needs Python 3.11 or newer: make PYTHON=python3.12 …" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/run.stamp: requirements.txt engine/requirements.txt | $(BIN)/python
	@echo "Installing what Soundstage needs; this takes a minute, once."
	@$(PIP) -r requirements.txt -r engine/requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/run.stamp
	@echo "Installing what the tests need."
	@$(PIP) -r requirements-dev.txt
	@touch $@

$(VENV)/mmaudio.stamp: engine/requirements-mmaudio.txt $(VENV)/run.stamp
	@echo "Installing PyTorch and what else the MMAudio network needs."
	@$(PIP) -r engine/requirements-mmaudio.txt
	@touch $@
