#!/bin/sh
# Runs every fuzz target of the module for the time given (default 30s), one
# after the other: go test fuzzes one target at a time.
set -eu
cd "$(dirname "$0")/.."
time="${1:-30s}"
go=${GO:-go}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fuzz PACKAGE TARGET: one run. go test before 1.27 may fail when the time is up
# while a worker is in the middle of an input (go.dev/issue/75804): it then says
# "context deadline exceeded" and no input is at fault. Such a run, and only
# such a run, is made again.
fuzz() {
	for _ in 1 2 3; do
		status=0
		$go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" "$1" >"$log" 2>&1 || status=$?
		cat "$log"
		[ "$status" -ne 0 ] || return 0
		grep -qx ' *context deadline exceeded' "$log" || return "$status"
		! grep -q 'Failing input' "$log" || return "$status"
		echo "fuzz: the run ended in go.dev/issue/75804, not by an input: once more"
	done
	return "$status"
}

for pkg in $($go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./...); do
	for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$pkg"/*_test.go 2>/dev/null | sed 's/^func //' | sort -u); do
		echo "fuzz ${pkg#"$PWD"/} $target $time"
		fuzz "$pkg" "$target"
	done
done
