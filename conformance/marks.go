package conformance

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"ulvs/wire"
)

// markRule is what a recorded iptables line asks for.
type markRule struct {
	destination netip.Prefix
	mark        uint32
}

// mark does a header's "iptables ... -d PREFIX -j MARK --set-mark N".
func (b *bench) mark(line string) error {
	if _, err := parseMark(line); err != nil {
		return err
	}
	return fmt.Errorf("firewall marks: %w", errNotYet)
}

// markOf returns the mark that the rules give a packet.
func (b *bench) markOf(wire.Addr) uint32 { return 0 }

// parseMark reads such a line.
func parseMark(line string) (r markRule, err error) {
	words := strings.Fields(line)
	for i := 0; i+1 < len(words); i++ {
		switch words[i] {
		case "-d":
			r.destination, err = netip.ParsePrefix(words[i+1])
		case "--set-mark":
			var n uint64
			n, err = strconv.ParseUint(words[i+1], 0, 32)
			r.mark = uint32(n)
		}
		if err != nil {
			return r, fmt.Errorf("%s: %w", line, err)
		}
	}
	if !r.destination.IsValid() || r.mark == 0 {
		return r, fmt.Errorf("%s: want -d PREFIX and --set-mark N", line)
	}
	return r, nil
}
