package conntrack

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ulvs/service"
	"ulvs/wire"
)

// director is the least director that can drive a table: what the package
// comment shows, with counts of one kind of server.
type director struct {
	*Table
	timeouts         *Timeouts
	method           service.Method
	secure, sloppy   bool
	sloppySCTP       bool
	now              time.Duration
	active, inactive int
}

func newDirector(t testing.TB, capacity int) *director {
	d := &director{timeouts: NewTimeouts()}
	var err error
	d.Table, err = New(Config{Capacity: capacity, Seed: 42, Expired: d.ended})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *director) ended(c *Conn) { d.count(c, -1) }

func (d *director) count(c *Conn, n int) {
	switch {
	case c.Has(Template):
	case c.Has(Inactive):
		d.inactive += n
	default:
		d.active += n
	}
}

// client handles a packet of the client; flags are TCP's, or the type of SCTP's
// deciding chunk.
func (d *director) client(k Key, real wire.Addr, realPort uint16, flags uint8) {
	s := d.Lock(d.HashKey(&k))
	defer s.Unlock()
	c := s.FindInbound(&k)
	if c != nil && k.Proto == wire.ProtoTCP && flags&wire.SYN != 0 && (c.State() == TimeWait || c.State() == Close) {
		s.Expire(c, d.now)
		c = nil
	}
	if c != nil && k.Proto == wire.ProtoSCTP && flags == wire.SCTPInit && c.State() == SCTPClosed {
		s.Expire(c, d.now)
		c = nil
	}
	if c != nil {
		d.packet(s, c, false, flags)
		return
	}
	if k.Proto == wire.ProtoSCTP && (flags == wire.SCTPAbort || flags != wire.SCTPInit && !d.sloppySCTP) {
		return
	}
	if k.Proto == wire.ProtoTCP && (flags&wire.RST != 0 || flags&wire.SYN == 0 && !d.sloppy) {
		return
	}
	sp := Spec{Real: real, RealPort: realPort, Method: d.method}
	dir := Inbound
	if d.method != service.NAT {
		dir, sp.Flags = InboundOnly, NoOutput
	}
	sp.State = d.next(k.Proto, dir, None, flags)
	if c, _ = s.Insert(&k, &sp, d.now, d.timeouts.Of(k.Proto, sp.State)); c != nil {
		d.count(c, 1)
	}
}

// server handles a packet of the real server.
func (d *director) server(k Key, flags uint8) {
	s := d.Lock(d.HashKey(&k))
	defer s.Unlock()
	if c := s.FindOutbound(&k); c != nil {
		d.packet(s, c, true, flags)
	}
}

func (d *director) packet(s *Shard, c *Conn, reply bool, flags uint8) {
	change := s.SetState(c, d.next(c.Proto(), c.Direction(reply), c.State(), flags))
	d.active += int(change)
	d.inactive -= int(change)
	s.Touch(c, d.now, d.timeouts.Of(c.Proto(), c.State()))
}

// next is the state after a packet.
func (d *director) next(proto uint8, dir Direction, st State, flags uint8) State {
	switch proto {
	case wire.ProtoTCP:
		return TCPNext(dir, st, flags, d.secure)
	case wire.ProtoSCTP:
		return SCTPNext(dir, st, flags)
	}
	return UDPNormal
}

// list returns the table as lines of "STATE seconds".
func (d *director) list() (lines []string) {
	d.Range(func(i *Info) bool {
		lines = append(lines, fmt.Sprintf("%s %d", i.Name(), (i.Deadline-d.now)/time.Second))
		return true
	})
	return lines
}

// tcpFlags reads the letters of a recording: "SA", "-".
func tcpFlags(letters string) (f uint8) {
	for _, l := range strings.TrimPrefix(letters, "-") {
		f |= map[rune]uint8{'F': wire.FIN, 'S': wire.SYN, 'R': wire.RST, 'P': wire.PSH, 'A': wire.ACK, 'U': wire.URG, 'E': wire.ECE, 'C': wire.CWR}[l]
	}
	return f
}
