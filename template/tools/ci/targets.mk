# What CI needs beside the stages. The login of a job, and where its steps run, reach the stages after it as variables.
-include var/ci/login.mk var/ci/settings.mk
ENV ?= dev

.PHONY: login settings comment owners owners-check approvers repository

login: ## Log in to ENV as this CI job, by its own short-lived token
	$(RUN) python tools/ci/identity.py "$(ENV)"

# A person's own lines stay, readable by nobody new; when ENV says nothing, all of it does.
# The addresses of a cluster lead somewhere in it alone: there, the steps run as jobs.
settings: ## Let the stages after it work on ENV: its ML_* settings in .env, its cluster's jobs in var/ci/settings.mk
	@mkdir -p var/ci && umask 077 && { grep -v '^export ML_' .env 2>/dev/null; \
		$(MAKE) --no-print-directory --silent env ENV="$(ENV)"; } >var/settings.env && mv var/settings.env .env
	@echo '$(and $(GROUP),ML = $(INFRA) infra/environment.py job "$(ENV)")' >var/ci/settings.mk

comment: ## Show the infrastructure preview on the change request
	$(RUN) python tools/ci/comment.py

owners: ## Write CODEOWNERS from roles.yaml
	$(RUN) python tools/ci/owners.py

owners-check:
	$(RUN) python tools/ci/owners.py --check

approvers: # of ENV, for the pipeline
	@$(RUN) python tools/ci/owners.py --approvers "$(ENV)"

repository: ## Protect branches and environments as this repository says; ARGS=--show only shows
	$(RUN) python tools/ci/repository.py $(ARGS)

check: owners-check
