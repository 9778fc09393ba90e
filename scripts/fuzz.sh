#!/bin/sh
# Runs every fuzz target of the module for the time given (default 30s), one
# after the other: go test fuzzes one target at a time.
set -eu
cd "$(dirname "$0")/.."
time="${1:-30s}"
go=${GO:-go}
for pkg in $($go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./...); do
	for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$pkg"/*_test.go 2>/dev/null | sed 's/^func //' | sort -u); do
		echo "fuzz ${pkg#"$PWD"/} $target $time"
		$go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$pkg"
	done
done
