package forward

import (
	"testing"

	"ulvs/forward/forwardtest"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

var (
	clientAddr   = wiretest.Addr("192.0.2.10")
	virtualAddr  = wiretest.Addr("198.51.100.1")
	realAddr     = wiretest.Addr("203.0.113.1")
	directorAddr = wiretest.Addr("203.0.113.126")

	virtualAddr6  = wiretest.Addr("2001:db8:2::1")
	realAddr6     = wiretest.Addr("2001:db8:3::1")
	directorAddr6 = wiretest.Addr("2001:db8:3::fe")
)

func TestNAT(t *testing.T) {
	for _, row := range []struct {
		is6           bool
		virtual, real wire.Addr
		arrives       string
	}{
		{false, virtualAddr, realAddr, forwardtest.Real},
		{true, virtualAddr6, realAddr6, forwardtest.Real6},
	} {
		t.Run(family(row.is6), func(t *testing.T) {
			forwardtest.Run(t, forwardtest.Method{
				Inbound:  func(p *wire.Packet) { DecrementTTL(p); NATInbound(p, row.real, 8080) },
				Outbound: func(p *wire.Packet) { DecrementTTL(p); NATOutbound(p, row.virtual, 80) },
				Arrives:  row.arrives,
				Fills:    true,
				Is6:      row.is6,
			})
		})
	}
}

func family(is6 bool) string {
	if is6 {
		return "v6"
	}
	return "v4"
}

func TestDR(t *testing.T) {
	for is6, arrives := range map[bool]string{false: forwardtest.Virtual, true: forwardtest.Virtual6} {
		t.Run(family(is6), func(t *testing.T) {
			forwardtest.Run(t, forwardtest.Method{
				Inbound: func(p *wire.Packet) { DecrementTTL(p); SetMACs(p, wire.MAC{1}, wire.MAC{2}) },
				Arrives: arrives,
				Is6:     is6,
			})
		})
	}
}

// TestTunnel puts packets of each family into packets of each, by each
// encapsulation.
func TestTunnel(t *testing.T) {
	for _, row := range []struct {
		outer6, inner6   bool
		director, server wire.Addr
		arrives          string
		header           int
	}{
		{false, false, directorAddr, realAddr, forwardtest.Virtual, wire.IPv4Len},
		{false, true, directorAddr, realAddr, forwardtest.Virtual6, wire.IPv4Len},
		{true, false, directorAddr6, realAddr6, forwardtest.Virtual, wire.IPv6Len},
		{true, true, directorAddr6, realAddr6, forwardtest.Virtual6, wire.IPv6Len},
	} {
		for _, kind := range tunnelKinds {
			t.Run(kind.name+"/"+family(row.inner6)+" over "+family(row.outer6), func(t *testing.T) {
				tunnel := kind.to(row.server)
				forwardtest.Run(t, forwardtest.Method{
					Inbound: func(p *wire.Packet) {
						DecrementTTL(p)
						if !tunnel.Encap(p, row.director, 7, true) {
							panic("refused")
						}
					},
					Arrives:  row.arrives,
					Grows:    row.header + kind.grows,
					Finishes: true,
					Is6:      row.inner6,
				})
			})
		}
	}
}

// tunnelKind is an encapsulation with its options.
type tunnelKind struct {
	name  string
	kind  Encapsulation
	sum   bool
	port  uint16
	grows int // beside the IP header
}

var tunnelKinds = []tunnelKind{
	{"ipip", IPIP, false, 0, 0},
	{"gre", GRE, false, 0, 4},
	{"gre csum", GRE, true, 0, 8},
	{"gue", GUE, false, 5555, 12},
	{"gue csum", GUE, true, 5555, 12},
}

// to is a tunnel of the kind.
func (k *tunnelKind) to(dst wire.Addr) *Tunnel { return NewTunnel(dst, k.kind, k.sum, k.port, 42) }

// ipip is the usual tunnel.
var ipip = NewTunnel(realAddr, IPIP, false, 0, 0)
