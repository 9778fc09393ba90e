package dataplane

import (
	"ulvs/conntrack"
	"ulvs/forward"
	"ulvs/wire"
)

// sctp handles an SCTP packet. A CRC32c left to the device is finished first:
// no port can hand that on.
func (l *Lane) sctp(p *wire.Packet) Verdict {
	if p.Offload.Partial() && !forward.FinishChecksum(p) {
		return l.done(DroppedSegment)
	}
	return l.transport(p)
}

// startsSCTP reports whether a packet of no association may begin one: with
// INIT or, with sloppy_sctp, with anything but ABORT (kernel
// ip_vs_proto_sctp.c, sctp_conn_schedule).
func (l *Lane) startsSCTP(p *wire.Packet) bool {
	first := p.SCTP().First().Type()
	return first == wire.SCTPInit || first != wire.SCTPAbort && l.sloppySCTP()
}

// reopensSCTP reports whether p begins a new association in place of a closed
// one (conn_reuse_mode 1: kernel ip_vs_core.c, is_new_conn and
// is_new_conn_expected).
func reopensSCTP(c *conntrack.Conn, p *wire.Packet) bool {
	return c.State() == conntrack.SCTPClosed && p.SCTP().First().Type() == wire.SCTPInit
}

// advanceSCTP is the part of advance that moves the state on. It stays a call of
// its own: inlined it costs a packet of TCP 5 ns more.
//
//go:noinline
func advanceSCTP(sh *conntrack.Shard, c *conntrack.Conn, s *Server, dir conntrack.Direction, p *wire.Packet) {
	s.recount(sh.SetState(c, conntrack.SCTPNext(dir, c.State(), p.SCTP().Signal())))
}

// sloppySCTP is the setting of that name (kernel sysctl sloppy_sctp).
func (l *Lane) sloppySCTP() bool { return l.d.anySCTPStarts.Load() }
