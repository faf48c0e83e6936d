# Two commands are enough: `make lab` to learn, `make test` to prove everything. `make help` lists the rest.

PYTHON ?= python3
VENV   ?= .venv
COURSE ?= my-course
SEEDS  ?= 0 1 2
TORCH  := 2.13.0

PY       := $(if $(filter Windows_NT,$(OS)),$(VENV)/Scripts/python.exe,$(VENV)/bin/python)
LEARN    := $(VENV)/.installed-to-learn
PROVE    := $(VENV)/.installed-to-test
PIP      := -m pip --disable-pip-version-check install $(if $(CI),--quiet)
ONE_CORE := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
OFFLINE  := PYTHONPATH="$(CURDIR)/tests/offline"

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help lab install test lint check build unit notebooks seeds bench lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

lab: $(LEARN)  ## learn: make or update my-course/ and open JupyterLab in it (PORT=8899 for another port)
	@$(PY) -m coursekit lab --dir "$(COURSE)" $(if $(PORT),--port $(PORT))

install: $(LEARN)  ## only install what `make lab` needs

test: lint check unit notebooks  ## prove everything: style, editions, tests, every notebook with two seeds

# $(call step,name,command): one heading line, and where the command fails its name, and an end.
step = @printf '\n== %s\n' '$(1)'; ( $(2) ) || { printf '\nStopped: "%s" failed.\n' '$(1)' >&2; exit 1; }

lint: $(PROVE)  ## ruff check and ruff format --check
	$(call step,lint: ruff check,$(PY) -m ruff check --no-cache .)
	$(call step,lint: ruff format --check,$(PY) -m ruff format --check .)

check: $(PROVE)  ## are the notebooks what notebooks/src says?
	$(call step,coursekit build --check,$(PY) -m coursekit build --check)

build: $(PROVE)  ## turn notebooks/src into both editions (only those that changed)
	$(call step,coursekit build,$(ONE_CORE) $(OFFLINE) $(PY) -m coursekit build)

unit: $(PROVE)  ## tests and doctests, without the slow ones
	$(call step,unit: tests and doctests,$(ONE_CORE) $(PY) -m pytest -n 2 -m "not slow")

notebooks: $(PROVE)  ## the slow tests, and nbval on every notebook: worked with seed 0, learner's with seed 1
	$(call step,notebooks: learners and wheel,$(ONE_CORE) $(OFFLINE) $(PY) -m pytest -n 2 -m slow tests)
	$(call step,notebooks: nbval on both editions,$(ONE_CORE) $(OFFLINE) $(PY) -m pytest \
		-p tests.nbval_house -n 2 --dist loadfile --nbval-lax --nbval-current-env --nbval-cell-timeout=600 notebooks)

seeds: $(PROVE)  ## do the claims hold for these seeds? (SEEDS="0 1 2")
	$(call step,seeds: $(SEEDS),for seed in $(SEEDS); do \
		$(ONE_CORE) $(OFFLINE) $(PY) -m coursekit run --edition worked --jobs 2 --seed $$seed || exit 1; done)

bench: $(PROVE)  ## speed and memory beside hand-written NumPy, torch, autograd, scikit-learn; seconds per notebook
	@mkdir -p build
	$(call step,bench: the engine,$(ONE_CORE) $(PY) -m tests.bench --json build/bench.json)
	$(call step,bench: notebooks,$(ONE_CORE) $(OFFLINE) $(PY) -m coursekit run --edition worked --report build/notebooks.json)

lock:  ## resolve requirements.lock afresh from pyproject.toml (commit the result)
	@rm -rf .lock-env
	@$(PYTHON) -c "$$PYTHON_CHECK"
	$(PYTHON) -m venv .lock-env
	.lock-env/bin/python $(PIP) torch==$(TORCH) -e '.[test]'
	{ echo '# Exact versions of everything, made by `make lock`. Used as a constraint: pip install -e . -c requirements.lock'; \
	  .lock-env/bin/python -m pip freeze --all --exclude-editable --exclude coursekit --exclude pip | \
	  grep -viE '^(nvidia|cuda|triton)' | sed 's/+.*//'; } > requirements.lock.part
	mv requirements.lock.part requirements.lock
	@rm -rf .lock-env

clean:  ## remove caches and what was built; never my-course/, never the environment
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis .lock-env .venv-ci
	find coursekit tests notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

# The environment. A stamp says that it is whole: nothing is installed twice, and an install that was cut off is repeated.
$(LEARN): pyproject.toml requirements.lock
	$(environment)
	@printf 'Installing the course into %s (once; this takes a minute or some)\n' '$(VENV)'
	@$(PY) $(PIP) -e . -c requirements.lock
	@touch $@

$(PROVE): pyproject.toml requirements.lock
	$(environment)
	@printf 'Installing the course and what its tests need into %s (once)\n' '$(VENV)'
	@$(PY) $(PIP) -e '.[test]' -c requirements.lock
	@touch $(LEARN) $@

# No Python in the environment (removed, or upgraded away under it): make it again, whatever the stamps say.
ifeq ($(wildcard $(PY)),)
.PHONY: $(LEARN) $(PROVE)
endif

define environment
@$(PY) -m pip --version >/dev/null 2>&1 || { \
	command -v $(PYTHON) >/dev/null || { echo 'Python: expected 3.11 or newer, found no $(PYTHON). Install it, or name one: make PYTHON=python3.12' >&2; exit 1; }; \
	$(PYTHON) -c "$$PYTHON_CHECK" && $(PYTHON) -m venv $$(test -f $(VENV)/pyvenv.cfg && echo --clear) $(VENV); }
endef

# Runs on whatever Python is there, Python 2 included.
define PYTHON_CHECK
import sys
found = "%s is Python %d.%d.%d" % ((sys.executable,) + sys.version_info[:3])
if sys.version_info < (3, 11):
    sys.exit("Python: expected 3.11 or newer, found: " + found + ". Install it, or name one: make PYTHON=python3.12")
try:
    import ensurepip
    import venv
except ImportError:
    sys.exit("Python: expected one with venv, found: " + found + " without it. "
             "Install it (Debian, Ubuntu: apt install python3-venv), or name another: make PYTHON=python3.12")
endef
export PYTHON_CHECK
