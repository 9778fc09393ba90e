package sim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"ulvs/wire"
)

// maxFlows bounds the flows of a capture that are told apart.
const maxFlows = 10_000_000

// maxFrame bounds a frame, in bytes: the largest that capture programs take.
const maxFrame = 262144

// flowKey is a flow as its first packet shows it.
type flowKey struct {
	src, dst         wire.Addr
	srcPort, dstPort uint16
	proto            uint8
}

// reverse is the same flow seen from the other end.
func (k flowKey) reverse() flowKey { return flowKey{k.dst, k.src, k.dstPort, k.srcPort, k.proto} }

// packets is what pcapgo's readers have in common.
type packets interface {
	ZeroCopyReadPacketData() ([]byte, gopacket.CaptureInfo, error)
}

// readCapture takes the first packets of flows in a pcap or pcapng file as
// arrivals: SYNs of TCP, of others the first packet in either direction. Sources
// are clients, destinations are destinations; there is no work. name is for
// errors, which are an *Error.
func readCapture(name string, r io.Reader) ([]arrival, error) {
	src, err := openCapture(bufio.NewReaderSize(r, 1<<16))
	if err != nil {
		return nil, &Error{File: name, Problem: "neither pcap nor pcapng with Ethernet frames: " + plain(err.Error())}
	}
	c := capture{flows: map[flowKey]bool{}, clients: map[wire.Addr]int32{}, objects: map[wire.Addr]int32{}}
	for n := 1; ; n++ {
		data, ci, err := src.ZeroCopyReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, &Error{File: name, Problem: fmt.Sprintf("packet %d: %s", n, plain(err.Error()))}
		}
		c.packet(data, ci.Timestamp)
		if len(c.flows) > maxFlows {
			return nil, &Error{File: name, Problem: fmt.Sprintf("over %d flows", maxFlows)}
		}
	}
	if len(c.all) == 0 {
		return nil, &Error{File: name, Problem: "no first packet of a TCP, UDP or SCTP flow in it"}
	}
	return c.all, nil
}

// openCapture finds out which of the two formats it is.
func openCapture(r *bufio.Reader) (packets, error) {
	magic, err := r.Peek(4)
	if err != nil {
		return nil, err
	}
	if string(magic) == "\x0a\x0d\x0d\x0a" { // section header block
		ng, err := pcapgo.NewNgReader(r, pcapgo.DefaultNgReaderOptions)
		if err == nil && ng.LinkType() != layers.LinkTypeEthernet {
			err = fmt.Errorf("link type %v", ng.LinkType())
		}
		return ng, err
	}
	p, err := pcapgo.NewReader(r)
	if err == nil && p.LinkType() != layers.LinkTypeEthernet {
		err = fmt.Errorf("link type %v", p.LinkType())
	}
	if err == nil { // a broken head would have it take any memory
		p.SetSnaplen(min(p.Snaplen(), maxFrame))
	}
	return p, err
}

// capture makes arrivals of packets.
type capture struct {
	first            time.Time
	last             float64
	flows            map[flowKey]bool
	clients, objects map[wire.Addr]int32
	parsed           wire.Packet
	all              []arrival
}

// packet takes one frame, which may be anything.
func (c *capture) packet(frame []byte, at time.Time) {
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
	c.last = max(c.last, at.Sub(c.first).Seconds()) // captures are not always in order
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
