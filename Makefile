# Everything a person does here has a target; `make help` lists them. The targets only name scripts, so that each can
# be read and run by itself.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

##@ The two commands
.PHONY: up test
up: ## From a fresh clone to a finished job on a real local Kubernetes; leaves it running (CLUSTER=existing: on yours)
	@scripts/up.sh

test: ## All tests, on a cluster of their own (E2E=off leaves out what needs one)
	@scripts/test.sh

##@ What `make up` started
.PHONY: status down purge demo
status: ## Say what runs
	@scripts/status.sh

demo: ## Run the Tutorial application once more and show each step
	@scripts/demo.sh

down: ## End exactly what `make up` started; jobs and artifacts stay on disk for the next `make up`
	@scripts/down.sh

purge: ## Remove the resource definitions, the claim and all data of the local installation
	@scripts/down.sh --purge

##@ Development
.PHONY: packages build test-unit test-chart test-integration test-conformance test-fault test-e2e test-cluster test-existing test-images bench fuzz verify format clean
packages: ## Install the Debian packages that build and tests need
	@scripts/install-packages.sh

build: packages ## Build the programs as the images carry them (build/release)
	@scripts/build.sh release

test-unit: ## The inner loop: build and run the unit tests (build/dev)
	@scripts/test.sh unit

test-chart: ## Chart and resource definitions
	@scripts/test.sh chart

test-integration: ## The Kubernetes library against a real etcd and kube-apiserver
	@scripts/test.sh integration

test-conformance: ## The REST contract and the custom resources, by real clients on a real kubelet
	@scripts/test.sh conformance

test-fault: ## Kills at each stage of a job's life, an API that is away, a volume that is full
	@scripts/test.sh fault

test-e2e: ## The installed chart on a real kubelet
	@scripts/test.sh e2e

test-cluster: ## Not in `make test`: the local cluster itself, up and down in all ways
	@tests/cluster/cluster_test.sh

test-existing: ## Not in `make test`: make up CLUSTER=existing, on a second cluster with a registry
	@tests/cluster/existing_test.sh

test-images: build ## Not in `make test`: the Dockerfiles, built by buildah, against the images of scripts/images
	@scripts/images/check-dockerfiles.sh

bench: ## Figures of one job, on a cluster of its own (median of 20 runs)
	@scripts/bench.sh

fuzz: ## Mutated inputs for every parser that reads what strangers sent, for 30 s in all (FUZZ_SECONDS=…)
	@scripts/fuzz.sh

verify: ## Formatting, generated copies, includes between folders, the chart
	@scripts/verify.sh

format: ## Format the C++ sources
	@git ls-files -z -co --exclude-standard '*.cpp' '*.hpp' | xargs -0 clang-format -i

clean: ## Remove build folders (not the caches, not the local cluster)
	@rm -rf build

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
