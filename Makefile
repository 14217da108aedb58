# Short names for what developers do; the two commands a user needs are bin/imagekit and bin/test.
UV := .imagekit/lock/bin/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock"

.PHONY: setup test lint format lock clean
setup:
	bin/setup dev

test:
	bin/test

lint:
	bin/test lint

format:
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

# Resolve pyproject.toml anew for Linux and Python 3.11 and later; addresses of indexes stay out of the files.
lock: $(UV)
	echo 'setuptools>=75' | $(COMPILE) - -o requirements-build.lock $(UPGRADE)
	$(COMPILE) pyproject.toml -o requirements.lock $(UPGRADE)
	$(COMPILE) --extra dev --constraint requirements.lock pyproject.toml -o requirements-dev.lock $(UPGRADE)

$(UV):
	python3 -m venv .imagekit/lock
	.imagekit/lock/bin/pip install --quiet 'uv==0.13.9'

# The Python environment and caches of tools; the work folder has `imagekit clean`.
clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
