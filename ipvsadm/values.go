package ipvsadm

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"ulvs/service"
)

// maxTimeout is the largest timeout in seconds that ipvsadm takes: 31 days.
const maxTimeout = 31 * 24 * 60 * 60

// defaultPersistence is what -p alone means, in seconds. The manual says 300;
// version 1.31 was recorded with 360.
const defaultPersistence = "360"

const whiteSpace = " \t\n\v\f\r"

// number reads a decimal as C's strtoll does: white space and a sign may come
// first, nothing may follow.
func number(s string, min, max int64) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimLeft(s, whiteSpace), 10, 64)
	return n, err == nil && n >= min && n <= max
}

// leadingNumber reads a decimal as C's atoi does: what follows is ignored.
func leadingNumber(s string) int64 {
	s = strings.TrimLeft(s, whiteSpace)
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(s)
	}
	n, err := strconv.ParseInt(s[:end], 10, 32)
	if err != nil {
		return 0
	}
	return n
}

// numberOr reads a number or fails with the given usage text.
func numberOr(s string, min, max int64, text string) (int64, error) {
	n, ok := number(s, min, max)
	if !ok {
		return 0, usage("%s", text)
	}
	return n, nil
}

// timeout reads seconds.
func timeout(s string, min int64) (time.Duration, error) {
	n, ok := number(s, min, maxTimeout)
	if !ok {
		return 0, usage("invalid timeout value `%s' specified", s)
	}
	return time.Duration(n) * time.Second, nil
}

// mark reads a firewall mark.
func mark(s string) (uint32, error) {
	n, ok := number(s, 1, math.MaxUint32)
	if !ok {
		return 0, usage("invalid fwmark value `%s' specified", s)
	}
	return uint32(n), nil
}

// legacyIPv4 reads an IPv4 address in every form of C's inet_aton: 1 to 4
// parts, the last filling what is left, each decimal, octal or hexadecimal.
// What follows white space is ignored.
func legacyIPv4(s string) (netip.Addr, bool) {
	if i := strings.IndexAny(s, whiteSpace); i >= 0 {
		s = s[:i]
	}
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var a uint32
	for i, p := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		n, ok := cNumber(p, bits)
		if !ok {
			return netip.Addr{}, false
		}
		a = a<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}), true
}

// cNumber reads a number in C's notation: 0x10, 020, 16.
func cNumber(s string, bits int) (uint32, bool) {
	base := 10
	switch {
	case len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X"):
		s, base = s[2:], 16
	case len(s) > 1 && s[0] == '0':
		s, base = s[1:], 8
	}
	n, err := strconv.ParseUint(s, base, bits)
	return uint32(n), err == nil
}

// target is an address with the port that was given with it, if one was.
type target struct {
	addr    netip.Addr
	port    uint16
	hasPort bool
}

// parseTarget reads host[:port]. IPv6 addresses stand in brackets if a port
// follows; without a port they stand bare. A name stands for its IPv4 address.
func parseTarget(s string, proto service.Protocol, names Names) (t target, ok bool) {
	if strings.Trim(s, "0123456789") == "" { // a port alone, or nothing
		return t, false
	}
	host, port := s, ""
	if inner, rest, closed := strings.Cut(s, "]"); strings.HasPrefix(s, "[") {
		if !closed || !strings.HasPrefix(rest, ":") {
			return t, false
		}
		host, port, t.hasPort = inner[1:], rest[1:], true
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() && a.Zone() == "" {
		t.addr = a.Unmap()
	} else {
		// What follows brackets around anything else is lost.
		t.hasPort = false
		if i := strings.LastIndexByte(host, ':'); i >= 0 {
			host, port, t.hasPort = host[:i], host[i+1:], true
		}
		if t.addr, ok = hostAddr(host, names); !ok {
			return t, false
		}
	}
	if t.hasPort {
		t.port, ok = portNumber(port, proto, names)
		return t, ok
	}
	return t, true
}

// hostAddr reads an IPv4 address or the name of a host.
func hostAddr(host string, names Names) (netip.Addr, bool) {
	if a, ok := legacyIPv4(host); ok {
		return a, true
	}
	if host == "" || strings.ContainsAny(host, whiteSpace+":") {
		return netip.Addr{}, false
	}
	if strings.Trim(host, "0123456789.") == "" { // no host is named like this
		return netip.Addr{}, false
	}
	return names.HostAddr(host)
}

// portNumber reads a port or the name of a service.
func portNumber(s string, proto service.Protocol, names Names) (uint16, bool) {
	if n, ok := number(s, 0, math.MaxUint16); ok {
		return uint16(n), true
	}
	return names.Port(s, proto)
}
