# Targets that people use: demo, test, build, bench. CI runs `make ci`.
GO      ?= go
BIN     := bin/ulvs
VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo devel)
export CGO_ENABLED = 0

FUZZTIME ?= 30s

.PHONY: all build demo test unit race e2e fuzz lint bench bench-quick bench-all bench-first conformance conformance-doc commands-doc pgo doctor-doc simulator-doc course-doc ci packages clean

all: build

build:
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o $(BIN) ./cmd/ulvs

# The main job on real traffic: three labs, each with its own client, director
# and real servers in network namespaces.
demo: build
	@for mode in dr nat tun; do \
		$(BIN) lab $$mode --scheduler wrr --servers 3 --weights 1,2,3 --requests 300 || exit 1; \
	done

# Everything that must hold: unit tests and end-to-end tests with real peers.
test: packages lint unit e2e

packages:
	@scripts/packages.sh

# bench after the others: it loads the machine on purpose, and packets of tests
# beside it would be lost.
unit:
	$(GO) test -count=1 $$($(GO) list ./... | grep -v -e /e2e -e /bench$$)
	$(GO) test -count=1 ./bench

# The end-to-end tests build namespaces and run the real binary in them.
e2e: build
	ULVS_BINARY=$(CURDIR)/$(BIN) $(GO) test -count=1 -timeout 20m ./e2e/...

# The race detector needs cgo, and only it does.
race:
	CGO_ENABLED=1 $(GO) test -count=1 -race $$($(GO) list ./... | grep -v -e /e2e -e /bench$$)
	CGO_ENABLED=1 $(GO) test -count=1 -race ./bench

fuzz:
	scripts/fuzz.sh $(FUZZTIME)

lint:
	scripts/lint.sh

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Every comparison once, far too short to mean anything: does it all work?
bench-quick: build
	$(BIN) bench quick

# The whole comparison, on an idle machine: about 17 minutes.
bench-all: build
	$(BIN) bench all --out bench/results/latest

bench-first: build
	$(BIN) bench first

# Recordings of a kernel's ip_vs, replayed: docs/conformance.md explains the table.
conformance: build
	$(BIN) conformance

# docs/commands.md, from the commands themselves.
# What the compiler is told about what runs often (go.dev/doc/pgo): made again
# when the packet path has changed much.
pgo:
	$(GO) test -trimpath -run '^$$' -bench 'Round|Hit|New' -benchtime 1s -cpuprofile $(CURDIR)/cmd/ulvs/default.pgo -o /dev/null ./dataplane

commands-doc:
	$(GO) test -count=1 ./cmd/ulvs -run TestCommandsDocument -update

# docs/course, each page from a run of its lesson.
course-doc: build
	ULVS_BINARY=$(CURDIR)/$(BIN) $(GO) test -count=1 ./e2e -run TestCourse -update-course

doctor-doc:
	$(GO) test -count=1 ./doctor -run TestDocument -update

conformance-doc:
	$(GO) test -count=1 ./conformance -run TestDocument -update

# docs/simulator.md and its plots, from the simulator itself.
simulator-doc:
	$(GO) test -count=1 ./sim -run TestDocument -update

ci: packages
	scripts/ci.sh

clean:
	rm -rf bin
