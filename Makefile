# All tasks of this repository have a target; `make help` lists them. The targets only call scripts, so that each script
# can be read and run separately.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

##@ The two commands
.PHONY: up test
up: ## From a fresh clone to a finished job on a real local Kubernetes, which stays running (CLUSTER=existing: on your own)
	@scripts/up.sh

test: ## All tests, on a cluster of their own (E2E=off skips tests that need one)
	@scripts/test.sh

##@ What `make up` started
.PHONY: status down purge demo demo-load
status: ## Show what runs
	@scripts/status.sh

demo: ## Run the Tutorial application once more and show each step
	@scripts/demo.sh

demo-load: ## Fill it with users, forecasts, a sweep, and jobs that wait and fail for each reason
	@scripts/demo/load.sh

down: ## Stop what `make up` started; jobs and artifacts stay on disk for the next `make up`
	@scripts/down.sh

purge: ## Remove the resource definitions, the claim and all data of the local installation
	@scripts/down.sh --purge

##@ Development
.PHONY: packages build test-unit test-corpus test-chart test-integration test-web test-conformance test-fault test-e2e test-operations test-cluster test-existing test-images bench bench-quick test-bench fuzz verify format clean
packages: ## Install the Debian packages for build and tests
	@scripts/install-packages.sh

build: packages ## Build the programs for the images (build/release)
	@scripts/build.sh release

test-unit: ## Build and run the unit tests (build/dev)
	@scripts/test.sh unit

test-corpus: ## Make the files of tests/corpus anew with the programs that made them and compare (needs npm, Maven, Go and the package registries)
	@tests/corpus/make.sh

test-chart: ## Test chart and resource definitions
	@scripts/test.sh chart

test-integration: ## Test the Kubernetes library on a real etcd and kube-apiserver
	@scripts/test.sh integration

test-web: ## Test the page for people with a browser, in Debian's Chromium
	@scripts/test.sh web

test-conformance: ## Test the REST contract and the custom resources with real clients on a real kubelet
	@scripts/test.sh conformance

test-fault: ## Test kills at each stage of a job, an unreachable API, a full volume
	@scripts/test.sh fault

test-e2e: ## Test the installed chart on a real kubelet
	@scripts/test.sh e2e

test-operations: ## The same with every block of docs/operations.md and all orders of an uninstallation; not in `make test`
	@VBRAIN_OPERATIONS=1 VBRAIN_ALL_ORDERS=1 scripts/test.sh e2e

test-cluster: ## Not in `make test`: test starting and stopping the local cluster
	@tests/cluster/cluster_test.sh

test-existing: ## Not in `make test`: test make up CLUSTER=existing, on a second cluster with a registry
	@tests/cluster/existing_test.sh

test-images: build ## Not in `make test`: compare the Dockerfiles, built by buildah, with the images of scripts/images
	@scripts/images/check-dockerfiles.sh

bench: ## Measure vBrain beside the Job controller of Kubernetes, client-go, nginx, zip (25 minutes)
	@scripts/bench.sh

bench-quick: ## Measure only the flow of jobs beside the Job controller of Kubernetes (2 minutes)
	@scripts/bench.sh --quick

test-bench: build ## Not in `make test`: test that the benchmark shows a slow controller and slow syncs (2 minutes)
	@tests/bench/slow_test.sh

fuzz: ## Run every parser of untrusted input with libFuzzer (clang), for 5 minutes in all (FUZZ_SECONDS=…, FUZZ_TARGETS=…)
	@scripts/fuzz.sh

verify: ## Check formatting, generated copies, includes between folders, the chart
	@scripts/verify.sh

format: ## Format the C++ sources
	@git ls-files -z -co --exclude-standard '*.cpp' '*.hpp' | xargs -0 clang-format -i

clean: ## Remove build folders (not the caches, not the local cluster)
	@rm -rf build

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
