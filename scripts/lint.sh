#!/bin/sh
# The linters: few, pinned, each for a reason. What imports what, gofmt, package
# comments and sizes are checked by repo_test.go. Configuration: staticcheck.conf.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}

# lint NAME@VERSION ARGS... runs a tool without a place in go.mod, whose module
# graph is the daemon's alone.
lint() {
	tool=$1
	shift
	"$go" run "$tool" "$@"
}

"$go" vet ./...
# Mistakes that vet does not know, unused code, comments of exported names.
lint honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
# Values that are assigned and never read: mostly a forgotten error.
lint github.com/gordonklaus/ineffassign@v0.2.0 ./...
# Errors compared or asserted where they may be wrapped.
lint github.com/polyfloyd/go-errorlint@v1.8.0 ./...
# Spelling of comments and documents; ECT is a code point of ECN.
find . -path ./.git -prune -o \( -name '*.go' -o -name '*.md' -o -name '*.sh' \) -print0 |
	xargs -0 "$go" run github.com/golangci/misspell/cmd/misspell@v0.8.0 -error -i ECT
