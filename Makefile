# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
# The two commands of this repository, and what developers use between them.
.PHONY: sandbox test format lint unit model contract cluster integration bench pack deploy undeploy lock clean

sandbox: ## Run the bundle on this machine until Ctrl-C; PORT=9090 moves the gateway, ARGS=--kubernetes adds the reception
	@tools/setup sandbox
	@exec .venv/bin/sandbox up $(if $(PORT),--port $(PORT)) $(ARGS)

test: ## Run every test but those of "make integration"; sets everything up first
	@tools/setup test
	@tools/debian
	@echo "integration: not run here, it needs a Juju and a Kubernetes: make integration"
	@.venv/bin/python tools/stage lint unit model pack sandbox contract cluster

format lint unit model contract cluster: ## One stage alone
	@tools/setup test
	@.venv/bin/python tools/stage $@

integration: ## Test what was packed on the Juju and the Kubernetes of this machine; ARGS='--ldap-image IMAGE' and others
	@tools/setup test
	@.venv/bin/python -m pytest tests/integration -o faulthandler_timeout=1800 $(ARGS)

bench: ## Measure the gatekeeper beside Envoy and oauth2-proxy, and write bench/results.json
	@tools/setup test
	@tools/debian
	@.venv/bin/python bench/checks.py $(if $(ROUNDS),--rounds $(ROUNDS))

pack: ## Pack the charms for Juju, beside their sources; ARCH=arm64 packs for other machines
	@tools/setup test
	@.venv/bin/python tools/pack $(if $(ARCH),--arch $(ARCH))

deploy: ## Deploy with Juju on this machine's Kubernetes; MODEL=kubeflow REGISTRY=localhost:32000
	@tools/setup test
	@.venv/bin/python tools/deploy deploy $(if $(MODEL),--model $(MODEL)) $(if $(REGISTRY),--registry $(REGISTRY)) $(if $(IMAGE),--image $(IMAGE))

undeploy: ## Remove what "make deploy" made, and nothing else
	@tools/setup test
	@.venv/bin/python tools/deploy undeploy

lock: ## Write the locks in requirements/ anew
	@tools/setup test
	@tools/lock

clean: ## Remove what the other targets made in this directory
	rm -rf .venv .sandbox build artifacts .tox
