# Needs Python 3.10 to 3.13 and make, nothing else. Everything goes into $(VENV), and
# for test-io into $(VENV_IO).
#
#   make demo     makes videos, trains on them, evaluates: the whole way in minutes
#   make test     runs the tests (all of what the package can do is installed)
#   make test-io  runs them on TensorFlow 2.17, those of remote storage too
#                 (Python 3.10 or 3.11)
#   make lint     checks the code's style
#   make clean    removes the environments and what tools left behind
#
# Another interpreter: make demo PYTHON=/path/to/python3

PYTHON ?= python3 python3.13 python3.12 python3.11 python3.10
VENV ?= .venv
VENV_IO ?= .venv-io
# What test-io has otherwise: versions, extras and the newest Python 3.
CONSTRAINTS := constraints/tf220.txt
EXTRAS := train,demo,litert,serving,dev
NEWEST := 13
# Two packages of Model Garden come as source only: PEP 517 builds them apart from
# what is installed already.
PIP := $(VENV)/bin/python -m pip install --disable-pip-version-check -q \
	--prefer-binary --use-pep517 -c $(CONSTRAINTS)
PYTEST_ARGS ?= -n 2

.PHONY: help demo test test-io lint clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(VENV)/.demo
	$(VENV)/bin/python train/demo.py

# Two workers share the machine: each keeps to its own core.
test: $(VENV)/.test
	TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=2 OMP_NUM_THREADS=1 \
	$(VENV)/bin/python -m pytest $(PYTEST_ARGS)

test-io:
	@$(MAKE) --no-print-directory test VENV=$(VENV_IO) CONSTRAINTS=constraints/tf217.txt \
		EXTRAS=$(EXTRAS),io,io-dev NEWEST=11

lint: $(VENV)/.test
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m ruff format --check .

clean:
	rm -rf $(VENV) $(VENV_IO) build dist *.egg-info .pytest_cache .ruff_cache
	find adafuse_tf tests train -name __pycache__ -type d -prune -exec rm -rf {} +

# The demo does without Model Garden and its hundred packages.
$(VENV)/.demo: setup.py $(CONSTRAINTS)
	@$(make-venv)
	@echo "Installing what the demo needs into $(VENV): this takes a few minutes"
	@$(PIP) -e '.[demo]'
	@touch $@

$(VENV)/.test: setup.py $(CONSTRAINTS)
	@$(make-venv)
	@echo "Installing everything into $(VENV): this takes several minutes"
	@$(PIP) -e '.[$(EXTRAS)]'
	@touch $(VENV)/.demo $@

# Takes the first interpreter that really runs (a shim may exist and fail), has a
# version that suits and can make an environment.
define make-venv
suits='import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, $(NEWEST)))'; \
if $(VENV)/bin/python -c "$$suits" 2>/dev/null \
	&& $(VENV)/bin/python -m pip --version >/dev/null 2>&1; then exit 0; fi; \
bare=; \
for python in $(PYTHON); do \
	$$python -c "$$suits" >/dev/null 2>&1 || continue; \
	if $$python -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "Making $(VENV) with $$($$python -V) ($$python)"; \
		exec $$python -m venv --clear $(VENV); \
	fi; \
	bare="$$bare $$python"; \
done; \
if [ -n "$$bare" ]; then \
	echo "error: no venv and ensurepip in:$$bare. On Debian and Ubuntu:" \
		"apt install python3-venv" >&2; \
else \
	echo "error: no Python 3.10 to 3.$(NEWEST) among: $(PYTHON)." \
		"Install one, or say which with PYTHON=/path/to/python3" >&2; \
fi; \
exit 1
endef
