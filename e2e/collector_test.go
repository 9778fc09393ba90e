package e2e

import (
	"regexp"
	"testing"

	"ulvs/lab"
)

// collection is a line of the runtime's for one garbage collection, as
// GODEBUG=gctrace=1 has it print.
var collection = regexp.MustCompile(`(?m)^gc \d+ @.*$`)

// TestCollectorIsSilent: forwarding leaves nothing for the collector. It has
// something to do at the start, and when the configuration changes.
func TestCollectorIsSilent(t *testing.T) {
	t.Setenv("GODEBUG", "gctrace=1")
	n := serving(t, lab.Config{Mode: lab.NAT, Servers: 2}, "wlc")
	check(t, n.Serve())
	n.ipvsadm("-A -u " + n.Service().String() + " -s wlc")
	n.ipvsadm("-a -u " + n.Service().String() + " -r " + n.Servers[0].Addr().String() + " -m")
	n.flood(t, 10_000) // first packets make what stays
	started := collection.FindAllString(n.daemon.Output(), -1)
	if len(started) == 0 {
		t.Fatal("not a single collection at the start: this test would see none later")
	}
	forwarded := n.forwarded()
	n.flood(t, 300_000)
	if all := collection.FindAllString(n.daemon.Output(), -1); len(all) > len(started) {
		t.Errorf("collections under load:\n%v", all[len(started):])
	}
	if now := n.forwarded() - forwarded; now < 100_000 {
		t.Errorf("%d packets were forwarded, want most of 300,000", now)
	}
}

// forwarded is how many packets went to servers by NAT.
func (n *network) forwarded() uint64 { return n.reasons()["forwarded-nat"] }
