package decap

import (
	"fmt"
	"slices"
	"strings"

	"ulvs/wire"
)

// Type is a type of tunnel.
type Type uint8

// The types of tunnel, those of ipvsadm.
const (
	IPIP Type = iota // RFC 2003
	GRE              // RFC 2784
	GUE              // UDP and draft-ietf-intarea-gue, variant 0
)

var typeNames = []string{"ipip", "gre", "gue"}

// Types lists what ParseType accepts.
func Types() []string { return typeNames }

// ParseType reads the name of a type; none is IPIP.
func ParseType(name string) (Type, error) {
	if name == "" {
		return IPIP, nil
	}
	if i := slices.Index(typeNames, name); i >= 0 {
		return Type(i), nil
	}
	return IPIP, fmt.Errorf("%q is not one of %s", name, strings.Join(typeNames, ", "))
}

// String returns the name of the type.
func (t Type) String() string { return typeNames[t] }

// arrived is what came for the tunnel, without its outer IP header, and for GUE
// without that of UDP.
type arrived struct {
	src  [4]byte
	tos  uint8
	body []byte
}

// fromIP takes off the outer IP header. It reports false if b is none.
func fromIP(b wire.IPv4) (a arrived, ok bool) {
	if len(b) < wire.IPv4Len || len(b) < b.HeaderLen() || b.HeaderLen() < wire.IPv4Len {
		return a, false
	}
	return arrived{b.Src(), b.TOS(), b[b.HeaderLen():]}, true
}

// carried returns the IPv4 packet behind the tunnel's own header. It reports
// false if there is none, if a checksum is wrong or if the header has what
// directors do not send.
func (t Type) carried(b []byte) (wire.IPv4, bool) {
	switch t {
	case GRE:
		n, etherType, sum, ok := wire.ParseGRE(b)
		if !ok || etherType != wire.EtherTypeIPv4 || sum && wire.Checksum(b, 0) != 0 {
			return nil, false
		}
		return b[n:], true
	case GUE:
		n, proto, ok := wire.ParseGUE(b)
		if !ok || n != wire.GUELen || proto != wire.ProtoIPIP || b[2] != 0 || b[3] != 0 {
			return nil, false
		}
		return b[n:], true
	}
	return b, true
}
