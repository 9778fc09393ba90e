#!/bin/sh
# What CI runs: the README's test command, then what takes longer. Any skipped
# test is a failure: a test that did not run has shown nothing.
set -eu
log=$(mktemp)
trap 'rm -f "$log"' EXIT

run() {
	echo "== $*"
	"$@"
}

echo "== make test"
{ GOFLAGS="${GOFLAGS:-} -v" make test; echo "exit $?"; } >"$log" 2>&1 || true
grep -E '^(ok|FAIL|panic:|---? FAIL|exit)|^\s+--- FAIL|\.go:[0-9]+:' "$log" | grep -v '^ok.*no test files' || true
if ! grep -q '^exit 0$' "$log"; then
	grep -B 40 -E '^--- FAIL' "$log" || true
	tail -n 60 "$log"
	exit 1
fi
if grep -E '^\s*--- SKIP' "$log"; then
	echo "skipped tests are failures" >&2
	exit 1
fi
run make race
run env FUZZTIME="${FUZZTIME:-30s}" make fuzz
run go test -run '^$' -bench . -benchtime 1x ./...
run make demo
run make bench-quick

# The demo again as a user without any right, where user namespaces are allowed.
dir=$(mktemp -d)
trap 'rm -rf "$log" "$dir"' EXIT
chmod 755 "$dir"
cp bin/ulvs "$dir/ulvs"
for mode in dr nat tun; do
	run setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$dir" "$dir/ulvs" lab "$mode" --weights 1,2,3
done
run setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$dir" "$dir/ulvs" lab lesson dr-vip-on-lo --auto
