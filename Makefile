# `make check` is what CI runs, in the active environment.
.PHONY: check lint types test

check: lint types test

lint:
	ruff check .
	ruff format --check .

types:
	pyright --pythonpath "$$(command -v python)"

test:
	pytest
