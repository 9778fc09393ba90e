package conformance

import (
	"fmt"
	"net/netip"
)

// mark does a header's "iptables ... -d PREFIX -j MARK --set-mark N".
func (b *bench) mark(line string) error { return fmt.Errorf("%s: firewall marks: %w", line, errNotYet) }

// markOf returns the mark that the rules give a packet to dst.
func (b *bench) markOf(netip.Addr) uint32 { return 0 }
