# Every target is one line that calls one tool. `make help` lists them.
UV := tools/uv
RUN := $(UV) run --frozen --quiet
OFFLINE := echo "setup: the packages did not come; look at the network and try again." >&2; exit 2

.DEFAULT_GOAL := help
.PHONY: help setup check test verify-target demo bench notes weekly lock schema clean

help: ## List the targets
	@grep -hE '^[a-z-]+%?:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: ## Install the template's own tools
	@$(UV) sync --frozen --quiet --compile-bytecode || { $(OFFLINE); }

check: setup ## Lint and type-check the tools and the tests
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

test: setup ## Run all tests
	$(RUN) pytest -n 2 tests

test-%: setup ## Run one folder of tests: static render update project loop ci infra cluster
	$(RUN) pytest -n 2 tests/$*

verify-target: setup ## Run a target's tests on what you have, and note it in verified.yaml; TARGET=local|kubernetes
	$(RUN) python tools/verify_target.py $(TARGET)

demo: ## Generate a project into build/demo and run its whole loop
	@command -v git >/dev/null || { echo "demo: git is missing; install it (for example: apt install git)." >&2; exit 2; }
	@$(UV) sync --frozen --quiet --compile-bytecode --no-dev --inexact || { $(OFFLINE); }
	rm -rf build/demo
	$(RUN) --no-sync copier copy --defaults --quiet --vcs-ref HEAD "$(CURDIR)" build/demo
	$(MAKE) --no-print-directory -C build/demo setup loop

bench: setup ## Time generation and the loop (serving: bench/serving)
	$(RUN) python bench/generation.py

notes: ## Write a tag's release notes to build/notes.md; TAG=vX.Y.Z, else the newest
	$(RUN) python tools/notes.py $(TAG)

weekly: ## Play the loop of the newest release; VERSIONS=locked|newest
	tools/weekly $(VERSIONS)

lock: ## Lock the tools, and what a project depends on
	$(UV) lock
	$(RUN) python tools/lock.py

schema: setup ## Write blueprints/answers.schema.json from copier.yml
	$(RUN) python tools/answers_schema.py

clean: ## Remove what was built
	rm -rf build .tools .venv
