package service

import (
	"fmt"
	"strconv"
	"strings"
)

// String returns the protocol as ipvsadm prints it: "TCP", "UDP", "SCTP"; a
// protocol that cannot be balanced is printed as its number, none as "any".
func (p Protocol) String() string {
	switch p {
	case AnyProtocol:
		return "any"
	case TCP:
		return "TCP"
	case UDP:
		return "UDP"
	case SCTP:
		return "SCTP"
	}
	return "protocol " + strconv.Itoa(int(p))
}

// ParseProtocol is the inverse of String, in any case of letters. The empty
// name is AnyProtocol.
func ParseProtocol(name string) (Protocol, error) {
	if name == "" {
		return AnyProtocol, nil
	}
	for _, p := range []Protocol{AnyProtocol, TCP, UDP, SCTP} {
		if strings.EqualFold(name, p.String()) {
			return p, nil
		}
	}
	return 0, invalid("protocol", name, "tcp, udp, sctp")
}

// MarshalText returns the lower-case name, or an error for a protocol that
// cannot be balanced.
func (p Protocol) MarshalText() ([]byte, error) {
	name := strings.ToLower(p.String())
	if _, err := ParseProtocol(name); err != nil {
		return nil, fmt.Errorf("encode protocol: %w", err)
	}
	return []byte(name), nil
}

// UnmarshalText is ParseProtocol.
func (p *Protocol) UnmarshalText(b []byte) (err error) {
	*p, err = ParseProtocol(string(b))
	return err
}

// methodNames is indexed by Method.
var methodNames = [...]string{
	NAT: "nat", Local: "local", Tunnel: "tunnel", DR: "dr", Bypass: "bypass", FullNAT: "fullnat",
}

// String returns the method's short name: "nat", "local", "tunnel", "dr",
// "bypass", "fullnat".
func (m Method) String() string {
	if int(m) < len(methodNames) {
		return methodNames[m]
	}
	return "method " + strconv.Itoa(int(m))
}

// ParseMethod is the inverse of String.
func ParseMethod(name string) (Method, error) {
	for m, n := range methodNames {
		if n == name {
			return Method(m), nil
		}
	}
	return 0, invalid("forwarding method", name, strings.Join(methodNames[:], ", "))
}

// MarshalText returns the name, or an error for a number that is no method.
func (m Method) MarshalText() ([]byte, error) {
	if int(m) >= len(methodNames) {
		return nil, fmt.Errorf("encode forwarding method: %d is none", m)
	}
	return []byte(methodNames[m]), nil
}

// UnmarshalText is ParseMethod.
func (m *Method) UnmarshalText(b []byte) (err error) {
	*m, err = ParseMethod(string(b))
	return err
}

// String returns the key as messages show it: "TCP 192.0.2.1:80",
// "TCP [2001:db8::1]:80", "FWM 7" or "FWM 7 IPv6".
func (k Key) String() string {
	if k.Mark == 0 {
		return k.Protocol.String() + " " + hostPort(k.Addr.String(), k.Port, k.Addr.Is6())
	}
	s := "FWM " + strconv.FormatUint(uint64(k.Mark), 10)
	if k.IPv6 {
		s += " IPv6"
	}
	return s
}

// hostPort joins a host and a port; netip.AddrPort would print an unset
// address without its port.
func hostPort(host string, port uint16, brackets bool) string {
	if brackets {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(port))
}
