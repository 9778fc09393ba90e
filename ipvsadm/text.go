package ipvsadm

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strconv"

	"ulvs/service"
)

// printer writes the text of one command. Write errors are sticky in the
// writer and found by its Flush.
type printer struct {
	*bufio.Writer
	names  Names
	format Format
}

func newPrinter(w io.Writer, names Names, f Format) *printer {
	return &printer{Writer: bufio.NewWriter(w), names: names, format: f}
}

func (p *printer) printf(format string, args ...any) {
	fmt.Fprintf(p, format, args...)
}

// endpoint words an address and port, by name unless -n was given.
func (p *printer) endpoint(addr netip.Addr, port uint16, proto service.Protocol) string {
	return hostText(addr, p.hostName(addr)) + ":" + p.port(port, proto)
}

func (p *printer) hostName(addr netip.Addr) string {
	if !p.format.Numeric {
		if name := p.names.HostName(addr); name != "" {
			return name
		}
	}
	return addr.String()
}

// hostText puts what stands for an IPv6 address into brackets, names too.
func hostText(addr netip.Addr, name string) string {
	if addr.Is6() {
		return "[" + name + "]"
	}
	return name
}

func (p *printer) port(port uint16, proto service.Protocol) string {
	if !p.format.Numeric {
		if name := p.names.PortName(port, proto); name != "" {
			return name
		}
	}
	return strconv.Itoa(int(port))
}

// large writes a counter in a column of 8, shortened unless --exact was given.
func (p *printer) large(n uint64) {
	if p.format.Exact {
		p.printf(" %8d", n)
		return
	}
	p.printf(" %8s", short(n))
}

// short words a number in at most 8 characters, rounded down.
func short(n uint64) string {
	for _, u := range []struct {
		below, divisor uint64
		suffix         string
	}{
		{1e8, 1, ""}, {1e9, 1e3, "K"}, {1e11, 1e6, "M"}, {1e14, 1e9, "G"},
	} {
		if n < u.below {
			return strconv.FormatUint(n/u.divisor, 10) + u.suffix
		}
	}
	return strconv.FormatUint(n/1e12, 10) + "T"
}

// markText prints a mark as ipvsadm does, as a signed number: marks above 2^31
// come out negative.
func markText(mark uint32) string { return decimal(int64(int32(mark))) }

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// maskText words the part of a client's address that a persistent service
// looks at, "" if that is the whole address.
func maskText(v *service.VirtualService) string {
	switch {
	case v.Mask.IsValid():
		return v.Mask.String()
	case v.Netmask == 0:
		return ""
	case v.Is6() && v.Netmask < 128:
		return strconv.Itoa(v.Netmask)
	case !v.Is6() && v.Netmask < 32:
		m := ^uint32(0) << (32 - v.Netmask)
		return netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}).String()
	}
	return ""
}

// seconds returns whole seconds, as ipvsadm prints timeouts.
func seconds[D ~int64](d D) int64 { return int64(d) / 1e9 }
