package dataplane_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ulvs/conntrack"
	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// history is a Director and its model, going through the same things.
type history struct {
	*world
	m  *model
	rt *rapid.T
}

// TestHistories: random packets of clients and servers, changes and passing of
// time: the Director does with each packet what the model does, and has the
// same counts and connections.
func TestHistories(t *testing.T) {
	for _, persistent := range []time.Duration{0, 30 * time.Second} {
		t.Run(persistent.String(), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) { newHistory(t, rt, persistent).run() })
		})
	}
}

func newHistory(t *testing.T, rt *rapid.T, persistent time.Duration) *history {
	x := newWorldWith(t, 1000, kernelHops(1500))
	vs := service.VirtualService{Key: key(service.TCP), Scheduler: "rr", Persistent: persistent}
	x.apply(service.Change{Op: service.AddService, Service: vs})
	x.settle()
	return &history{world: x, rt: rt, m: &model{now: x.now, persistent: persistent, timeouts: x.d.Timeouts()}}
}

func (h *history) run() {
	for range rapid.IntRange(1, 60).Draw(h.rt, "steps") {
		switch n := rapid.IntRange(0, 19).Draw(h.rt, "step"); {
		case n < 10:
			h.client()
		case n < 14:
			h.server()
		case n < 16:
			h.add()
		case n < 17:
			h.edit()
		case n < 18:
			h.remove()
		default:
			h.pass()
		}
		h.compare()
	}
}

func (h *history) int(lo, hi int, what string) int { return rapid.IntRange(lo, hi).Draw(h.rt, what) }

// flags are often a SYN, and else anything that matters.
func (h *history) flags() uint8 {
	return rapid.SampledFrom([]uint8{wire.SYN, wire.SYN, wire.SYN, wire.ACK, wire.ACK, wire.FIN | wire.ACK, wire.RST, wire.SYN | wire.ACK, wire.SYN | wire.RST, 0}).Draw(h.rt, "flags")
}

func clientEnd(client, port int) string { return fmt.Sprintf("192.0.2.%d:%d", client, port) }

// client sends a client's packet.
func (h *history) client() {
	client, port, flags := h.int(7, 8, "client"), h.int(1000, 1003, "port"), h.flags()
	want, n := h.m.clientPacket(client, port, flags)
	p := wiretest.TCP(wiretest.Flow{Src: clientEnd(client, port), Dst: vip + ":80"}, flags, nil, toDirector())
	got, out := h.one(0, p)
	if got != want || n != 0 && (len(out[1]) != 1 || toServer(out[1][0]) != n) {
		h.rt.Fatalf("client %d:%d flags %#x: %v to %v, the model says %v to server %d", client, port, flags, got, out[1], want, n)
	}
}

// server sends a server's packet.
func (h *history) server() {
	n, client, port, flags := h.int(1, 4, "server"), h.int(7, 8, "client"), h.int(1000, 1003, "port"), h.flags()
	want := h.m.serverPacket(n, client, port, flags)
	p := wiretest.TCP(wiretest.Flow{Src: rsIP(n) + ":80", Dst: clientEnd(client, port)}, flags, nil, wiretest.WithMACs(rsMAC(n), inMAC))
	if got, _ := h.one(1, p); got != want {
		h.rt.Fatalf("server %d to %d:%d flags %#x: %v, the model says %v", n, client, port, flags, got, want)
	}
}

// one passes one packet and returns its reason and what left.
func (h *history) one(port int, p *wire.Packet) (dataplane.Reason, [2][]memport.Frame) {
	before, _ := h.d.Reasons()
	out := h.send(port, p)
	after, _ := h.d.Reasons()
	for r := range after {
		if after[r] != before[r] {
			return dataplane.Reason(r), out
		}
	}
	h.rt.Fatal("no reason counted")
	return 0, out
}

// settings draws a server's settings. All methods keep the port, so that an
// edit may change them.
func (h *history) settings(n int) (modelServer, service.RealServer) {
	m := modelServer{n: n, weight: h.int(0, 2, "weight"), upper: rapid.SampledFrom([]int{0, 0, 2, 4}).Draw(h.rt, "upper")}
	if m.upper > 0 {
		m.lower = h.int(0, m.upper, "lower")
	}
	m.method = rapid.SampledFrom([]service.Method{service.NAT, service.NAT, service.DR, service.Tunnel}).Draw(h.rt, "method")
	return m, service.RealServer{Addr: netip.MustParseAddr(rsIP(n)), Port: 80, Method: m.method, Weight: m.weight, Upper: uint32(m.upper), Lower: uint32(m.lower)}
}

func (h *history) change(op service.Op, s service.RealServer) {
	h.apply(service.Change{Op: op, Service: service.VirtualService{Key: key(service.TCP)}, Server: s})
}

func (h *history) add() {
	n := h.int(1, 4, "server")
	if slices.ContainsFunc(h.m.servers, func(s *modelServer) bool { return s.n == n }) {
		return
	}
	m, s := h.settings(n)
	h.m.add(m)
	h.change(service.AddServer, s)
}

// existing draws a server that is configured, nil if there is none.
func (h *history) existing() *modelServer {
	if len(h.m.servers) == 0 {
		return nil
	}
	return rapid.SampledFrom(h.m.servers).Draw(h.rt, "existing")
}

func (h *history) edit() {
	if s := h.existing(); s != nil {
		m, r := h.settings(s.n)
		s.edit(m)
		h.change(service.EditServer, r)
	}
}

func (h *history) remove() {
	if s := h.existing(); s != nil {
		h.m.remove(s.n)
		h.change(service.DeleteServer, service.RealServer{Addr: netip.MustParseAddr(rsIP(s.n)), Port: 80})
	}
}

// pass lets time pass and the upkeep be done. The trash is swept once a second:
// less time than that does not pass, as the model forgets at once.
func (h *history) pass() {
	d := rapid.SampledFrom([]time.Duration{1100, 9000, 11_000, 31_000, 61_000, 121_000, 901_000}).Draw(h.rt, "pass") * time.Millisecond
	h.now += d
	h.send(0)
	h.d.Conns().Tick(h.now, 1000) // prolongs what the first found due
	h.m.pass(d, h.alive)
	h.m.trash = slices.DeleteFunc(h.m.trash, func(s *modelServer) bool { return !h.m.used(s) })
}

// alive reports whether the Director has a template for longer than now.
func (h *history) alive(t *modelTemplate) (found bool) {
	h.d.Conns().Range(func(i *conntrack.Info) bool {
		named := i.Client == wiretest.Addr(fmt.Sprintf("192.0.2.%d", t.client)) && (i.Flags&conntrack.Hashed == 0) == t.invalid
		if i.Flags&conntrack.Template != 0 && named && i.Real == wiretest.Addr(rsIP(t.server.n)) && i.Deadline == h.now+time.Minute {
			found = true
		}
		return true
	})
	return found
}

// compare compares counts and connections.
func (h *history) compare() {
	views, _, _ := h.d.Inspect()
	if len(views[0].Servers) != len(h.m.servers) {
		h.rt.Fatalf("%d servers, the model has %d", len(views[0].Servers), len(h.m.servers))
	}
	for i, s := range views[0].Servers {
		m := h.m.servers[i]
		if int(s.Active) != m.active || int(s.Inactive) != m.inactive || int(s.Persistent) != m.templates || int(s.Addr.As4()[3]) != m.n {
			h.rt.Fatalf("server %v has %d active, %d inactive, %d templates; the model: %+v", s.Addr, s.Active, s.Inactive, s.Persistent, *m)
		}
	}
	h.compareConns()
}

func (h *history) compareConns() {
	got := map[string]bool{}
	h.d.Conns().Range(func(i *conntrack.Info) bool {
		if i.Flags&conntrack.Hashed != 0 && i.Flags&conntrack.Template == 0 {
			got[fmt.Sprintf("%v:%d %v %v %v", i.Client, i.ClientPort, i.Real, i.State, i.Deadline)] = true
		}
		return true
	})
	want := map[string]bool{}
	for _, c := range h.m.conns {
		if !c.ending {
			want[fmt.Sprintf("192.0.2.%d:%d %s %v %v", c.client, c.port, rsIP(c.server.n), c.state, c.deadline)] = true
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		h.rt.Fatalf("connections\n%v, the model has\n%v", got, want)
	}
}
