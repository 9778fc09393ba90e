package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"

	"ulvs/lab"
)

// TestGuardRestored: a flush of the whole ruleset, as a restart of
// nftables.service is, takes the guard away for seconds at most, and with it
// all that it kept the host from.
func TestGuardRestored(t *testing.T) {
	n := serving(t, lab.Config{Mode: lab.NAT, Servers: 2, Forward: true}, "rr")
	check(t, n.Serve())
	before := n.guardChains(t)
	if len(before) == 0 {
		t.Fatal("no guard")
	}
	n.Director.NS().Do(func() {
		c := &nftables.Conn{}
		c.FlushRuleset()
		check(t, c.Flush())
	})
	for end := time.Now().Add(patience); !slices.Equal(n.guardChains(t), before); {
		if time.Now().After(end) {
			t.Fatalf("chains %v, want %v again", n.guardChains(t), before)
		}
	}
	n.checkService(t)
	if log := n.daemon.Output(); strings.Count(log, "removed the guard") != 1 || strings.Contains(log, "level=ERROR") {
		t.Errorf("log:\n%s", log)
	}
	n.clean(t)
}

// guardChains names the chains of the director's guard.
func (n *network) guardChains(t *testing.T) (names []string) {
	t.Helper()
	n.Director.NS().Do(func() {
		all, err := (&nftables.Conn{}).ListChainsOfTableFamily(nftables.TableFamilyNetdev)
		check(t, err)
		for _, c := range all {
			names = append(names, c.Name)
		}
	})
	slices.Sort(names)
	return names
}
