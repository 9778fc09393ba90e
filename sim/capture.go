package sim

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ulvs/explain"
	"ulvs/wire"
)

// maxFlows bounds the flows of a capture that are told apart.
const maxFlows = 10_000_000

// flowKey is a flow as its first packet shows it.
type flowKey struct {
	src, dst         wire.Addr
	srcPort, dstPort uint16
	proto            uint8
}

// reverse is the same flow seen from the other end.
func (k flowKey) reverse() flowKey { return flowKey{k.dst, k.src, k.dstPort, k.srcPort, k.proto} }

// readCapture takes the first packets of flows in a pcap or pcapng file as
// arrivals: SYNs of TCP, of others the first packet in either direction. Sources
// are clients, destinations are destinations; there is no work. name is for
// errors, which are an *Error.
func readCapture(name string, r io.Reader) ([]arrival, error) {
	broken := func(err error) *Error {
		return &Error{File: name, Problem: strings.TrimPrefix(plain(err.Error()), name+": ")}
	}
	src, err := explain.OpenCapture(name, r)
	if err != nil {
		return nil, broken(err)
	}
	c := capture{flows: map[flowKey]bool{}, clients: map[wire.Addr]int32{}, objects: map[wire.Addr]int32{}}
	for {
		p, err := src.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, broken(err)
		}
		c.packet(p.Frame.Data, p.At)
		if len(c.flows) > maxFlows {
			return nil, &Error{File: name, Problem: fmt.Sprintf("over %d flows", maxFlows)}
		}
	}
	if len(c.all) == 0 {
		return nil, &Error{File: name, Problem: "no first packet of a TCP, UDP or SCTP flow in it"}
	}
	return c.all, nil
}

// capture makes arrivals of packets.
type capture struct {
	first            time.Duration
	last             float64
	flows            map[flowKey]bool
	clients, objects map[wire.Addr]int32
	parsed           wire.Packet
	all              []arrival
}

// packet takes one frame, which may be anything.
func (c *capture) packet(frame []byte, at time.Duration) {
	p := &c.parsed
	p.Buf = append(append(p.Buf[:0], make([]byte, wire.Headroom)...), frame...)
	p.Start, p.End = wire.Headroom, len(p.Buf)
	if wire.Parse(p) != wire.FaultNone || p.IsFragment() || !begins(p) {
		return
	}
	k := flowKey{p.Src, p.Dst, p.SrcPort, p.DstPort, p.Proto}
	if p.Proto != wire.ProtoTCP && (c.flows[k] || c.flows[k.reverse()]) {
		return
	}
	if p.Proto != wire.ProtoTCP {
		c.flows[k] = true
	}
	if len(c.all) == 0 {
		c.first = at
	}
	c.last = max(c.last, (at - c.first).Seconds()) // captures are not always in order
	c.all = append(c.all, arrival{c.last, -1, number(c.clients, p.Src), number(c.objects, p.Dst)})
}

// begins reports whether a packet may be the first of a flow.
func begins(p *wire.Packet) bool {
	switch p.Proto {
	case wire.ProtoTCP:
		return p.TCPFlags&(wire.SYN|wire.ACK|wire.RST) == wire.SYN
	case wire.ProtoUDP, wire.ProtoSCTP:
		return true
	}
	return false
}

func number(known map[wire.Addr]int32, a wire.Addr) int32 {
	n, ok := known[a]
	if !ok {
		n = int32(len(known))
		known[a] = n
	}
	return n
}
