package forward

import "ulvs/wire"

// rewriteSCTP is the part of rewrite behind the IP header for SCTP; it reports
// whether p is SCTP. As in ip_vs (kernel ip_vs_proto_sctp.c, sctp_dnat_handler)
// the CRC32c, which covers no address, is computed anew if the port changes or
// if it was left to the device, and else stays as it is: so a new port makes a
// wrong one right. In a first fragment it cannot be computed and stays: such a
// datagram must be rewritten whole, or its receiver will discard it.
func rewriteSCTP(p *wire.Packet, e end, port uint16) bool {
	if p.Proto != wire.ProtoSCTP {
		return false
	}
	was := p.SrcPort
	if e == destination {
		was = p.DstPort
	}
	setPort(p.Transport(), e, port)
	if (was != port || p.Offload.Partial()) && !p.MoreFrags {
		finishSCTP(p)
	}
	return true
}

// finishSCTP computes the CRC32c of p, after which p asks nothing of the device.
// virtio-net cannot ask for a CRC: handed back partial, the kernel would sum the
// packet as if it were TCP.
func finishSCTP(p *wire.Packet) {
	p.SCTP().FillChecksum()
	p.Offload = wire.Offload{}
}
