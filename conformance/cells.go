package conformance

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"ulvs/wire"
)

// walk replays the cells of a state table, each with a connection of its own,
// as the recorder did.
type walk struct {
	*player
	virtual netip.AddrPort
	proto   uint8
	client  netip.AddrPort // of the cell under way
	server  netip.AddrPort // that the cell's connection went to
	// leaving counts connections of earlier cells that were recorded with no
	// time left: still counted then, they left during a later cell.
	leaving int64
}

// mostWait is how long what was replaced gets to go, in milliseconds.
const mostWait = 100

// newWalk uses the first service.
func newWalk(p *player) *walk {
	w := &walk{player: p}
	if all := p.director.Table().Services(); len(all) > 0 {
		w.virtual, w.proto = netip.AddrPortFrom(all[0].Addr, all[0].Port), uint8(all[0].Protocol)
	}
	return w
}

// cell replays cell n, which the recorder gave the n-th client.
func (w *walk) cell(n int, c *Cell) {
	w.next(n, strings.Join(append(append([]string(nil), c.Path...), c.Event), " "))
	w.client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + n%250)}), uint16(10000+n))
	w.server = netip.AddrPort{}
	for _, ev := range c.Path {
		if _, _, err := w.event(ev); err != nil {
			w.differ(states, "a packet that can be made", err.Error())
			return
		}
	}
	before := w.total()
	w.compareBefore(c)
	in, r, err := w.event(c.Event)
	if c.Out.Note != "" {
		return // the recorder had no server to answer from, either
	}
	if err != nil {
		w.differ(states, "a packet that can be made", err.Error())
		return
	}
	w.compareOut(c.Out.Frames, r, in)
	w.compareState(c, before)
}

// event sends the packet of one event, such as "c:FA" or "s:SA".
func (w *walk) event(ev string) (in arrival, r result, err error) {
	w.pass(nil)
	from, what, _ := strings.Cut(ev, ":")
	c := crafted{src: w.client, dst: w.virtual, proto: w.proto}
	if from == "s" {
		if !w.server.IsValid() {
			return in, r, fmt.Errorf("event %s: no real server had the connection", ev)
		}
		in.side, c.src, c.dst = serverSide, w.server, w.client
	}
	if in.ip, err = eventPacket(c, what); err != nil {
		return in, r, err
	}
	in.text = describe(in.ip)
	r = w.send(in.side, in.ip)
	w.learn(r)
	return in, r, nil
}

// learn notes the server that a client's packet went to.
func (w *walk) learn(r result) {
	for _, o := range r.out {
		if o.side != serverSide {
			continue
		}
		if c, err := parsePacket(describe(o.frame[wire.EthernetLen:])); err == nil {
			w.server = c.dst
		}
	}
}

// own lists the cell's connections.
func (w *walk) own() (all []conn) {
	for _, c := range w.conns() {
		if f := strings.Fields(c.text); f[1] == w.client.String() {
			all = append(all, conn{f[4], c.left})
		}
	}
	return all
}

// compareBefore compares the state that the path led to.
func (w *walk) compareBefore(c *Cell) {
	if len(c.Before) != 2 {
		return
	}
	want := fmt.Sprintf("%v", c.Before[0])
	left, _ := c.Before[1].(float64)
	w.compareStates(states, []conn{{want, int(left)}})
}

// compareState compares the state after the event and the change of the counts.
func (w *walk) compareState(c *Cell, before [2]int64) {
	var want []conn
	if c.To != nil {
		for i, name := range strings.Split(*c.To, "+") {
			if i < len(c.Timeout) {
				want = append(want, conn{name, c.Timeout[i]})
			}
		}
	}
	gone := int64(w.compareStates(states, want))
	after := w.total()
	w.compareChange(c, after[0]-before[0], after[1]-before[1], gone)
}

// compareChange compares the change of the counts. gone is how many of the
// cell's own connections were recorded with no time left and had left here.
// Such connections are closed or in TIME_WAIT: inactive.
func (w *walk) compareChange(c *Cell, active, inactive, gone int64) {
	left := inactive - (int64(c.Inactive) - gone) // during this cell, in the recording
	if active != int64(c.Active) || left < 0 || left > w.leaving+gone {
		w.differ(counts, fmt.Sprintf("active %+d inactive %+d", c.Active, int64(c.Inactive)-gone),
			fmt.Sprintf("active %+d inactive %+d", active, inactive))
		left = 0
	}
	w.leaving += gone - left
}

// compareStates compares the states of the cell's connections. It returns how
// many were recorded with no time left and are not there any more.
func (w *walk) compareStates(a Aspect, want []conn) (gone int) {
	have := w.own()
	var missing []conn
next:
	for _, c := range want {
		for i, h := range have {
			if h.text == c.text && h.left >= c.left-1 && h.left <= c.left+1 {
				have = append(have[:i:i], have[i+1:]...)
				continue next
			}
		}
		if c.left == 0 {
			gone++
		} else {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 || len(have) > 0 {
		w.differ(a, fmt.Sprint(want), fmt.Sprint(w.own()))
	}
	return gone
}

// total adds the counts of all servers up, after what was replaced has gone.
// Nothing else gets the time to go: a table has hundreds of connections, and
// some states last for four seconds.
func (w *walk) total() (sum [2]int64) {
	for n := 0; n < mostWait && w.due(); n++ {
		w.advance(w.now + time.Millisecond)
	}
	for _, rows := range w.rows() {
		for _, r := range rows {
			sum[0] += r.active
			sum[1] += r.inactive
		}
	}
	return sum
}
