# Short names for the commands of this repository; each is one line that can be typed by hand.
.DEFAULT_GOAL := help
.PHONY: help test check demo demo-clean bench torture deploy rollback status
run := node --import tsx

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

test: node_modules/.package-lock.json ## the guards, then all tests: unit, local, task and droplet
	npx tsc
	npx oxlint --type-aware --deny-warnings
	npx prettier --check --log-level warn .
	@$(run) tests/run.ts $(ARGS)

check: node_modules/.package-lock.json ## types, lint, format, unused code; no tests
	npm run --silent check

demo: node_modules/.package-lock.json ## deploys, breaks and rolls back a sample app on this machine
	@$(run) examples/demo.ts

demo-clean: ## removes what the demo made
	@$(run) examples/demo.ts --clean

bench: node_modules/.package-lock.json ## the figures of docs and README
	@$(run) bench/run.ts $(ARGS)

torture: node_modules/.package-lock.json ## interrupts deploys and backups at many random moments, damages what is stored
	@$(run) tests/run.ts --torture $(ARGS)

deploy: ## make deploy ENV=staging ARGS='--sha …'
	@$(run) tasks/deploy.ts --env $(ENV) $(ARGS)

rollback: ## make rollback ENV=staging
	@$(run) tasks/rollback.ts --env $(ENV) $(ARGS)

status: ## make status, or make status ENV=staging
	@$(run) tasks/status.ts $(if $(ENV),--env $(ENV)) $(ARGS)
