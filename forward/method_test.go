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
)

func TestNAT(t *testing.T) {
	forwardtest.Run(t, forwardtest.Method{
		Inbound:  func(p *wire.Packet) { DecrementTTL(p); NATInbound(p, realAddr, 8080) },
		Outbound: func(p *wire.Packet) { DecrementTTL(p); NATOutbound(p, virtualAddr, 80) },
		Arrives:  forwardtest.Real,
		Fills:    true,
	})
}

func TestDR(t *testing.T) {
	forwardtest.Run(t, forwardtest.Method{
		Inbound: func(p *wire.Packet) { DecrementTTL(p); SetMACs(p, wire.MAC{1}, wire.MAC{2}) },
		Arrives: forwardtest.Virtual,
	})
}

func TestTunnel(t *testing.T) {
	forwardtest.Run(t, forwardtest.Method{
		Inbound: func(p *wire.Packet) {
			DecrementTTL(p)
			if !EncapIPIP(p, directorAddr, realAddr, 7, true) {
				panic("refused")
			}
		},
		Arrives:  forwardtest.Virtual,
		Grows:    IPIPOverhead,
		Finishes: true,
	})
}
