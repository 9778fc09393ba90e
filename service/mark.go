package service

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// MaxMarkRules bounds the rules that give packets firewall marks: each packet
// of an unknown connection is held against them one by one.
const MaxMarkRules = 1024

// maxInterfaceName is the longest name of an interface, in bytes (kernel
// include/uapi/linux/if.h, IFNAMSIZ, less its zero byte).
const maxInterfaceName = 15

// A MarkRule gives a firewall mark to the packets that it matches. The first
// rule that matches decides. A zero field matches every packet; addresses
// without a family (no Source, no Destination) match IPv4 and IPv6.
type MarkRule struct {
	Protocol         Protocol     `json:"protocol,omitempty"`
	Source           netip.Prefix `json:"source,omitzero"`
	Destination      netip.Prefix `json:"destination,omitzero"`
	SourcePorts      PortRange    `json:"sourcePorts,omitzero"`
	DestinationPorts PortRange    `json:"destinationPorts,omitzero"`
	Interface        string       `json:"interface,omitempty"` // by which the packet comes in
	// Mark is what Key.Mark of a service names. 0 marks nothing: the rule keeps
	// its packets from those after it.
	Mark uint32 `json:"mark"`
}

// PortRange is a range of ports, both ends included. The zero value is all.
type PortRange struct{ First, Last uint16 }

// IsZero reports whether r is all ports.
func (r PortRange) IsZero() bool { return r == PortRange{} }

// Contains reports whether port is in r.
func (r PortRange) Contains(port uint16) bool {
	return r.IsZero() || r.First <= port && port <= r.Last
}

// String returns "80", "8000:8080" or "" for all ports.
func (r PortRange) String() string {
	switch {
	case r.IsZero():
		return ""
	case r.First == r.Last:
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d:%d", r.First, r.Last)
}

// MarshalText is String.
func (r PortRange) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is the inverse of String.
func (r *PortRange) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*r = PortRange{}
		return nil
	}
	*r, err = parsePorts("ports", string(b))
	return err
}

// parsePorts understands "80", "80:90", "80:" and ":90".
func parsePorts(arg, s string) (PortRange, error) {
	first, last, ranged := strings.Cut(s, ":")
	switch {
	case ranged && first == "" && last == "":
		return PortRange{}, badPorts(arg, s)
	case !ranged:
		last = first
	case first == "":
		first = "0"
	case last == "":
		last = "65535"
	}
	lo, err := strconv.ParseUint(first, 10, 16)
	hi, err2 := strconv.ParseUint(last, 10, 16)
	if err != nil || err2 != nil || lo > hi || hi == 0 {
		return PortRange{}, badPorts(arg, s)
	}
	return PortRange{uint16(lo), uint16(hi)}.canonical(), nil
}

func badPorts(arg string, value any) error {
	return invalid(arg, value, "a port from 1 to 65535 or a range FIRST:LAST")
}

// canonical writes all ports as the zero value.
func (r PortRange) canonical() PortRange {
	if r.First == 0 && r.Last == 65535 {
		return PortRange{}
	}
	return r
}

// Normalize returns r in its one canonical form, or an error that names the
// first wrong field: prefixes unmapped and without host bits, all ports as the
// zero range.
func (r MarkRule) Normalize() (MarkRule, error) {
	r.SourcePorts, r.DestinationPorts = r.SourcePorts.canonical(), r.DestinationPorts.canonical()
	var err error
	if r.Source, err = canonicalPrefix("source", r.Source); err != nil {
		return r, err
	}
	if r.Destination, err = canonicalPrefix("destination", r.Destination); err != nil {
		return r, err
	}
	return r, r.check()
}

func (r *MarkRule) check() error {
	switch {
	case r.Protocol != AnyProtocol && r.Protocol != TCP && r.Protocol != UDP && r.Protocol != SCTP:
		return invalid("protocol", r.Protocol, "tcp, udp, sctp, or none for all of them")
	case r.Source.IsValid() && r.Destination.IsValid() && r.Source.Addr().Is4() != r.Destination.Addr().Is4():
		return invalid("source", r.Source, "a prefix of the destination's address family")
	case r.SourcePorts.First > r.SourcePorts.Last:
		return badPorts("source ports", r.SourcePorts)
	case r.DestinationPorts.First > r.DestinationPorts.Last:
		return badPorts("destination ports", r.DestinationPorts)
	case r.Protocol == AnyProtocol && !r.SourcePorts.IsZero():
		return invalid("source ports", r.SourcePorts, "only with a protocol: -p tcp, udp or sctp")
	case r.Protocol == AnyProtocol && !r.DestinationPorts.IsZero():
		return invalid("destination ports", r.DestinationPorts, "only with a protocol: -p tcp, udp or sctp")
	}
	return checkInterface(r.Interface)
}

// checkInterface refuses what the kernel would (net/core/dev.c,
// dev_valid_name), and iptables' wildcard, which would be taken for a name.
func checkInterface(name string) error {
	if len(name) > maxInterfaceName || name == "." || name == ".." || strings.HasPrefix(name, "-") ||
		strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune("/:+", c) }) {
		return invalid("interface", name, "the name of one interface, without wildcard")
	}
	return nil
}

// canonicalPrefix unmaps an IPv4 prefix and clears host bits, as iptables does.
func canonicalPrefix(arg string, p netip.Prefix) (netip.Prefix, error) {
	bad := func() (netip.Prefix, error) { return p, invalid(arg, p, "an address or ADDRESS/LENGTH, without zone") }
	switch {
	case p == netip.Prefix{}:
		return p, nil
	case !p.IsValid():
		return bad()
	case p.Addr().Is4In6():
		if p.Bits() < 96 {
			return bad()
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// Is6 and Is4 report whether the rule can match packets of the family.
func (r *MarkRule) Is6() bool { return r.family(netip.Addr.Is6) }

// Is4 is the same of IPv4.
func (r *MarkRule) Is4() bool { return r.family(netip.Addr.Is4) }

func (r *MarkRule) family(of func(netip.Addr) bool) bool {
	return (!r.Source.IsValid() || of(r.Source.Addr())) && (!r.Destination.IsValid() || of(r.Destination.Addr()))
}

// VirtualAddress returns the one address that the rule is for, if it is for
// every client of a single address: that is then a virtual address as that of
// any service is.
func (r *MarkRule) VirtualAddress() (netip.Addr, bool) {
	if r.Mark == 0 || r.Source.IsValid() || !r.Destination.IsSingleIP() {
		return netip.Addr{}, false
	}
	return r.Destination.Addr(), true
}
