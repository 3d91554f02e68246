# Each target with a "## " line shows in `make help`.
BIN      := bin/barrage
TOOLS    := $(CURDIR)/.bin
LINT     := $(TOOLS)/golangci-lint
FUZZTIME ?= 20s
BENCH    ?= .
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null)

# Where "make package" puts what it makes.
PACKAGES ?= bin
# Packages under test at a time. They wait more than they work: two cores are half idle with two, full with four.
ATONCE   ?= 4
# The longest packages begin first: redisx had 60 of 412 s for itself when it was last, on two cores.
LONGEST   = ./gateway ./internal/contract ./internal/hostile ./redisx
# When a package's tests are taken to hang. Go's 10 minutes are too near. With empty caches, beside four busy loops,
# those of gateway took 441 s. Those of deploy/check, which compile what they run, took 406 s.
HANGS    ?= -timeout 30m
# The packages with benchmarks. Run once they are no measurement: packages need not wait for each other, as -bench has
# them do. Tests of allocations run with them: under the race detector they are not built, since it allocates too.
# So do the models of room/, which run a tenth of their seeds under it.
BENCHES   = $(addprefix ./,$(sort $(dir $(shell git grep -l 'func Benchmark' -- '*_test.go'))))

.PHONY: help run build package test go check race faults valkey deploy web client page lint fmt bench attacks fuzz clean setup

help: ## Show what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: build ## Run a node on :9000, no Redis needed; Ctrl-C ends it
	@./$(BIN) serve

build: ## Build bin/barrage
	@[ -e $(BIN) ] || echo "building $(BIN) (takes some minutes the first time)"
	@go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN) .

package: ## Build the packages for Debian and for Red Hat, and an archive, into bin/
	@mkdir -p $(PACKAGES)
	@$(MAKE) --no-print-directory build BIN=$(PACKAGES)/barrage
	@for form in deb rpm; do \
	  PACKAGES=$(PACKAGES) ARCH=$(shell go env GOARCH) VERSION=$(if $(filter v%,$(VERSION)),$(VERSION),v0.0.0-git-$(VERSION)) go tool -modfile=deploy/check/go.mod nfpm package -f deploy/package/nfpm.yaml -p $$form -t $(PACKAGES)/ || exit 1; \
	done
	@tar -czf $(PACKAGES)/barrage_$(patsubst v%,%,$(VERSION))_linux_$(shell go env GOARCH).tar.gz -C $(PACKAGES) barrage -C $(CURDIR) LICENSE README.md README.zh.md CHANGELOG.md config.yaml deploy docs
	@echo "created archive: $(PACKAGES)/barrage_$(patsubst v%,%,$(VERSION))_linux_$(shell go env GOARCH).tar.gz"

test: setup ## Install what the tests need, then run every check and every test
	@.ci/test

check: lint go faults ## All of the Go code: lint, then what go and faults do

go: ## Tidy, benchmarks once, tests with the race detector but for faults (lint has vetted them)
	@go mod tidy -diff
	@go test $(HANGS) -vet=off -run 'Alloc|Idle_Memory|TestModel' $(BENCHES) -args -test.bench=. -test.benchtime=1x > .bench.out || (cat .bench.out; exit 1)
	@$(MAKE) --no-print-directory race

race: ## Tests only, shuffled, with the race detector
	@go test $(HANGS) -race -shuffle=on -vet=off -p $(ATONCE) $(LONGEST) $$(go list ./... | grep -v /internal/faults)

faults: ## Tests of what breaks Redis, shuffled, with the race detector
	@go test $(HANGS) -race -shuffle=on -vet=off ./internal/faults

valkey: ## The store's conformance and fault tests over Valkey, or over REDIS_SERVER=program
	@[ -n "$(REDIS_SERVER)" ] || .ci/setup valkey
	@REDIS_SERVER=$(or $(REDIS_SERVER),$(TOOLS)/valkey/usr/bin/valkey-server) go test $(HANGS) -race -count=1 -shuffle=on -vet=off ./redisx ./internal/faults

web: client page ## Check and test what is in web/, in Node and in Chromium

client page: export PATH := $(TOOLS)/node/bin:$(PATH)
client page: build ## Check and test one part of web/
	@.ci/setup web
	@npm --prefix web/$@ run --silent verify

lint: $(LINT) ## Lint, format, the width of comments and the length of sentences, without changing anything
	@$(LINT) config verify
	@$(LINT) run ./...
	@cd deploy/check && $(LINT) run -c ../../.golangci.yml ./...
	@$(LINT) fmt --diff ./...
	@.ci/columns
	@.ci/sentences

fmt: $(LINT) ## Format the code
	@$(LINT) fmt ./...

deploy: ## Check the packages, the image and the chart (deploy/check, a module of its own)
	@cd deploy/check && go mod tidy -diff && go vet ./... && go test $(HANGS) -shuffle=on ./...

bench: build ## Benchmarks (BENCH=regexp), then the memory of 10,000 idle connections
	@go test -run "^$$" -bench "$(BENCH)" -benchmem ./...
	@./$(BIN) bench idle

attacks: ## Attack a node beside ten people, on a quiet machine (25 minutes); prints the table of docs/security.md
	@rm -f .attacks
	@go test -count=1 -timeout 1h -v ./internal/hostile -table $(CURDIR)/.attacks
	@cat .attacks

fuzz: ## Fuzz every target for FUZZTIME (20s)
	@.ci/fuzz $(FUZZTIME)

setup: ## Install what the tests need and the machine lacks
	@.ci/setup

$(LINT): .golangci-lint-version
	@.ci/setup lint

clean: ## Remove what was built
	@rm -rf bin .bin .bench.out .attacks web/*/node_modules web/*/.test web/*/.out web/*/shots
