# `make` alone lists the targets; CONTRIBUTING.md says when each is wanted.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory

# The version comes from git describe; Go need not ask git again.
export GOFLAGS := $(strip $(GOFLAGS) -buildvcs=false)

VERSION = $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TOOLS   = $(CURDIR)/bin/tools
CLUSTER_RUN = go -C test/cluster run .

# The folders of all modules, and of those with code of ours.
MODULES      = $(shell git ls-files --cached --others --exclude-standard -- go.mod '*/go.mod' | xargs -r -n1 dirname)
CODE_MODULES = $(filter-out hack/tools%,$(MODULES))

# How long each fuzz test runs.
FUZZTIME ?= 10s

# What `make test` does, what fails soonest first.
STEPS = tools check-fmt check-mod check-generated shellcheck check-workflows vet lint unit unit-cluster check-dist budget e2e

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9.-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Use

# The debug image of a release, by digest: what stands in the program. None in any other build.
IMAGE ?=
LDFLAGS = -s -w -X main.version=$(VERSION) -X github.com/mindebug/kubectl-mindebug/internal/config.releasedImage=$(IMAGE)

.PHONY: build
build: ## build bin/kubectl-mindebug (IMAGE=REGISTRY/NAME@sha256:… is the debug image that stands in it)
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/kubectl-mindebug ./cmd/kubectl-mindebug

.PHONY: demo
demo: build ## show a session on a test cluster (CLUSTER=current: on yours)
	CLUSTER='$(CLUSTER)' hack/demo

.PHONY: image-load
image-load: ## build the debug image and give it to the nodes of the current context: kind, minikube, k3d, containerd here
	hack/image-load

.PHONY: picture
picture: build ## record the README's session on the test cluster, and make its picture (needs npm)
	KUBECONFIG= hack/with-cluster -- hack/record

.PHONY: source
source: ## write dist/mindebug-debug-source.tar, the source of the debug image's BusyBox, for a release
	mkdir -p dist
	images/debug/source dist/mindebug-debug-source.tar

##@ Test

.PHONY: test
test: ## all that CI checks, with the seconds of each step
	@MAKE='$(MAKE)' hack/timed $(STEPS)

.PHONY: unit
unit: $(TOOLS)/gotestsum ## unit tests: no root, no cluster, seconds
	CGO_ENABLED=1 GORACE=atexit_sleep_ms=50 $(TOOLS)/gotestsum --format pkgname-and-test-fails -- -race -shuffle=on $(ARGS) \
		$$(go list ./... | grep -Ev '/(internal/proof|test/e2e|hack/dist)(/|$$)')
	@# Its shards share nothing, and the race detector would make them five times slower.
	$(TOOLS)/gotestsum --format pkgname-and-test-fails -- -shuffle=on $(ARGS) ./internal/proof

.PHONY: unit-cluster
unit-cluster: $(TOOLS)/gotestsum ## unit tests of the test cluster's own module
	cd test/cluster && $(TOOLS)/gotestsum --format pkgname-and-test-fails -- $(ARGS) ./...

.PHONY: e2e
e2e: build $(TOOLS)/gotestsum ## tests on a cluster: of KUBECONFIG if it is set, else one started here (ARGS='-run TestX')
	hack/with-cluster -- hack/e2e $(ARGS)

.PHONY: e2e-1.30
e2e-1.30: build $(TOOLS)/gotestsum ## the same tests on a fresh cluster of Kubernetes 1.30
	hack/with-cluster --fresh --kubernetes-version 1.30.14 -- hack/e2e $(ARGS)

# How long a soak lasts, and what repeats one.
SOAK ?= 10m
SOAK_SEED := $(or $(SOAK_SEED),$(shell date +%s))

.PHONY: soak
soak: build ## ten clients with random faults for SOAK=10m (SOAK_SEED=N repeats one); the test cluster only
	@echo 'SOAK=$(SOAK) SOAK_SEED=$(SOAK_SEED)'
	SOAK='$(SOAK)' SOAK_SEED='$(SOAK_SEED)' KUBECONFIG= hack/with-cluster -- bash -c \
		'PATH=$$PWD/bin:$$PATH go test -tags=soak -count=1 -v -timeout=0 -parallel=10 -run="^TestSoak\$$" ./test/e2e $(ARGS)'

.PHONY: bench
bench: build ## measure it beside kubectl (ARGS='-list' names the cases; ARGS='-run help -runs 1 -n 3' measures one a little)
	hack/with-cluster -- go run ./test/bench $(ARGS)

# How often each micro-benchmark is measured: benchstat wants ten.
COUNT ?= 10

.PHONY: bench-micro
bench-micro: ## micro-benchmarks of what is pure, for benchstat: make bench-micro >old; change it; make bench-micro >new
	@go test -run '^$$' -bench . -count $(COUNT) $(ARGS) $$(git grep -l '^func Benchmark' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's|^|./|')

.PHONY: cluster-up
cluster-up: ## start the test cluster and leave it running
	$(CLUSTER_RUN) up $(ARGS)
	@echo 'to use it:  eval "$$($(CLUSTER_RUN) env)"'

.PHONY: cluster-down
cluster-down: ## end the test cluster
	$(CLUSTER_RUN) down

##@ Check

.PHONY: fmt
fmt: $(TOOLS)/golangci-lint ## format the Go code
	$(TOOLS)/golangci-lint fmt

.PHONY: check-fmt
check-fmt: $(TOOLS)/golangci-lint ## fail where `make fmt` would change a file
	$(TOOLS)/golangci-lint fmt --diff

.PHONY: check-mod
check-mod: ## fail where `go mod tidy` would change a module
	for m in $(MODULES); do echo "$$m"; go -C "$$m" mod tidy -diff; done

.PHONY: generate
generate: ## write all generated files anew
	go generate ./...

.PHONY: check-generated
check-generated: ## fail where `make generate` changes a file
	MAKE='$(MAKE)' hack/check-generated

.PHONY: shellcheck
shellcheck: ## check all shell scripts
	hack/apt-install shellcheck
	hack/scripts | xargs -r shellcheck

.PHONY: vet
vet: ## go vet, in each module
	for m in $(CODE_MODULES); do go -C "$$m" vet -tags=soak ./...; done

.PHONY: lint
lint: $(TOOLS)/golangci-lint ## golangci-lint, in each module
	for m in $(CODE_MODULES); do (cd "$$m" && $(TOOLS)/golangci-lint run --config '$(CURDIR)/.golangci.yml'); done

.PHONY: vet-cross
vet-cross: ## go vet of what users run, for Windows and macOS (minutes where nothing is compiled yet)
	GOOS=windows go vet ./cmd/... ./internal/... ./pkg/...
	GOOS=darwin go vet ./cmd/... ./internal/... ./pkg/...

.PHONY: check-workflows
check-workflows: $(TOOLS)/actionlint ## check what GitHub runs
	$(TOOLS)/actionlint

.PHONY: budget
budget: ## fail where the program is too large or starts too slowly; list what its size is made of
	go run ./hack/budget

.PHONY: vuln
vuln: $(TOOLS)/govulncheck ## known faults in dependencies (asks the Go vulnerability database)
	$(TOOLS)/govulncheck ./...

##@ Release

# The version of a release is its tag; else what semantic versions and krew take for one that comes before all.
RELEASE = $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null || echo v0.0.0-g$$(git rev-parse --short HEAD))
# Dates in what is released are those of the sources.
DIST = SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) go run ./hack/dist

.PHONY: dist
dist: ## make dist/: archives for all platforms, sums, bills of materials, krew manifest (RELEASE=v1.2.3 IMAGE=NAME@DIGEST)
	$(DIST) -version '$(RELEASE)' -image '$(IMAGE)' $(ARGS)

.PHONY: krew
krew: dist ## the same, and write krew.yaml anew
	cp dist/mindebug.yaml krew.yaml

.PHONY: check-dist
check-dist: ## a release for this platform: made twice, the same; laid out as krew does, it runs
	go test $(ARGS) ./hack/dist

##@ House

.PHONY: tools
tools: $(TOOLS)/golangci-lint $(TOOLS)/gotestsum ## build the tools that the targets above call

$(TOOLS)/golangci-lint: TOOL = github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TOOLS)/gotestsum: TOOL = gotest.tools/gotestsum
$(TOOLS)/govulncheck: TOOL = golang.org/x/vuln/cmd/govulncheck
$(TOOLS)/golangci-lint $(TOOLS)/gotestsum $(TOOLS)/govulncheck: hack/tools/go.sum
	go -C hack/tools build -o '$@' $(TOOL)
	@touch '$@'

$(TOOLS)/actionlint: hack/tools/actionlint/go.sum
	go -C hack/tools/actionlint build -o '$@' github.com/rhysd/actionlint/cmd/actionlint
	@touch '$@'

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
