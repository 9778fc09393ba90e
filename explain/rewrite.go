package explain

import (
	"fmt"

	"ulvs/wire"
)

// newSent describes a frame that left. rewritten says that it is the packet with
// changes, so that these can be shown.
func newSent(before *wire.Packet, frame []byte, rewritten bool) Sent {
	after := parsed(frame)
	out := Sent{View: newView(after)}
	if !rewritten || before.Fault != wire.FaultNone || after.Fault != wire.FaultNone || before.L3 == 0 {
		return out
	}
	out.Added = after.IPLen() - before.IPLen()
	if out.Added > 0 {
		inner := within(after, before)
		if inner == nil {
			out.Added = 0
			return out
		}
		out.Tunnel = out.Summary
		after = inner
	}
	if out.Added < 0 || before.EtherType != after.EtherType || before.Proto != after.Proto {
		out.Added = 0
		return out
	}
	out.Changes = changes(before, after, out.Added > 0)
	out.Sums = sums(before, after)
	return out
}

// parsed parses a copy of a frame.
func parsed(frame []byte) *wire.Packet {
	p := &wire.Packet{Buf: append([]byte(nil), frame...), End: len(frame)}
	p.Fault = wire.Parse(p)
	return p
}

// within returns the packet in a tunnel's, as a frame with the tunnel's link
// header: the last bytes of it are the packet, but for its TTL and checksum.
func within(outer, before *wire.Packet) *wire.Packet {
	frame := append([]byte(nil), outer.Buf[:wire.EthernetLen]...)
	wire.Ethernet(frame).SetEtherType(before.EtherType)
	frame = append(frame, outer.Buf[outer.IPEnd-before.IPLen():outer.IPEnd]...)
	p := parsed(frame)
	if p.Fault != wire.FaultNone || p.Src != before.Src || p.Dst != before.Dst {
		return nil
	}
	return p
}

// changes lists the fields that differ.
func changes(before, after *wire.Packet, tunnel bool) (out []Change) {
	from, to := fields(before), fields(after)
	for i, f := range from {
		if i < len(to) && f.Field == to[i].Field && f.To != to[i].To {
			out = append(out, Change{f.Field, f.To, to[i].To})
		}
	}
	if tunnel {
		out = append(out, Change{"ip packet", fmt.Sprintf("%d bytes", before.IPLen()), "in a tunnel's"})
	}
	return out
}

// fields lists the header fields of a packet that a director may change, their
// values in To.
func fields(p *wire.Packet) (out []Change) {
	add := func(name, format string, v ...any) {
		out = append(out, Change{Field: name, To: fmt.Sprintf(format, v...)})
	}
	e := p.Ethernet()
	add("ethernet source", "%v", e.Src())
	add("ethernet destination", "%v", e.Dst())
	add("ip source", "%v", p.Src)
	add("ip destination", "%v", p.Dst)
	if p.Is6() {
		add("hop limit", "%d", p.TTL)
	} else {
		add("ttl", "%d", p.TTL)
		add("ip id", "%d", p.IPv4().ID())
		add("ip checksum", "0x%04x", p.IPv4().Checksum())
	}
	if p.FragOff != 0 || p.L4 == 0 {
		return out
	}
	if hasPorts(p) {
		add("source port", "%d", p.SrcPort)
		add("destination port", "%d", p.DstPort)
	}
	switch p.Proto {
	case wire.ProtoTCP:
		add("tcp checksum", "0x%04x", p.TCP().Checksum())
	case wire.ProtoUDP:
		add("udp checksum", "0x%04x", p.UDP().Checksum())
	case wire.ProtoSCTP:
		add("sctp crc32c", "0x%08x", p.SCTP().Checksum())
	case wire.ProtoICMP:
		add("icmp checksum", "0x%04x", p.ICMPv4().Checksum())
	case wire.ProtoICMPv6:
		add("icmp6 checksum", "0x%04x", p.ICMPv6().Checksum())
	}
	return out
}
