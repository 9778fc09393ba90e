package dataplane_test

import (
	"testing"
	"time"

	"ulvs/conntrack"
	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// chunk is a client's SCTP packet with one chunk of this type.
func chunk(n int, typ uint8, opts ...wiretest.Option) *wire.Packet {
	return wiretest.SCTP(flow(n), wiretest.Chunk(typ, wiretest.Payload(40)), append(opts, toDirector())...)
}

// sctpWorld has one server by the method.
func sctpWorld(t testing.TB, m service.Method) *world {
	x := newWorld(t, 100)
	x.balance(service.SCTP, "rr", m, 1)
	return x
}

// association returns the only connection's state by name.
func (x *world) association() (name string) {
	x.d.Conns().Range(func(i *conntrack.Info) bool { name = i.Name(); return true })
	return name
}

// TestSCTPMethods: an association by each method, with its bytes, its states
// and its counts.
func TestSCTPMethods(t *testing.T) {
	for name, tt := range map[string]struct {
		method service.Method
		states [4]string // after INIT, COOKIE-ECHO, DATA, SHUTDOWN of the client
		checks []wiretest.Checker
	}{
		"nat":    {service.NAT, [4]string{"INIT1", "INIT", "INIT", "INIT"}, []wiretest.Checker{wiretest.Dst(rsIP(1) + ":8080")}},
		"dr":     {service.DR, [4]string{"INIT1", "ESTABLISHED", "ESTABLISHED", "S-RECEIVED"}, []wiretest.Checker{wiretest.Dst(vip + ":80")}},
		"tunnel": {service.Tunnel, [4]string{"INIT1", "ESTABLISHED", "ESTABLISHED", "S-RECEIVED"}, []wiretest.Checker{wiretest.Dst(rsIP(1)), wiretest.Inner(wiretest.Dst(vip+":80"), wiretest.ValidChecksums())}},
	} {
		t.Run(name, func(t *testing.T) {
			x := sctpWorld(t, tt.method)
			for i, typ := range []uint8{wire.SCTPInit, wire.SCTPCookieEcho, wire.SCTPData, wire.SCTPShutdown} {
				out := x.send(0, chunk(1000, typ, wiretest.WithPartial()))
				if len(out[1]) != 1 || out[1][0].Offload != (wire.Offload{}) {
					t.Fatalf("chunk %d: %d frames", typ, len(out[1]))
				}
				wiretest.Check(t, out[1][0].Data, append(tt.checks, wiretest.ValidChecksums(), wiretest.TTL(63))...)
				if got := x.association(); got != tt.states[i] {
					t.Errorf("chunk %d: %s, want %s", typ, got, tt.states[i])
				}
				x.sctpCounted(activeIn(tt.states[i]))
			}
		})
	}
}

// activeIn is the number of active connections in this state.
func activeIn(state string) int32 {
	if state == "ESTABLISHED" {
		return 1
	}
	return 0
}

// sctpCounted checks the counts of the only server, which has one connection.
func (x *world) sctpCounted(active int32) {
	x.t.Helper()
	views, _, _ := x.d.Inspect()
	if s := views[0].Servers[0]; s.Active != active || s.Inactive != 1-active {
		x.t.Errorf("%d active, %d inactive, want %d active of 1", s.Active, s.Inactive, active)
	}
}

// TestSCTPFirstChunk: which packets begin an association.
func TestSCTPFirstChunk(t *testing.T) {
	for typ := range 256 {
		x := sctpWorld(t, service.DR)
		for _, sloppy := range []bool{false, true} {
			x.d.SetSloppySCTP(sloppy)
			want := 0
			if uint8(typ) == wire.SCTPInit || sloppy && uint8(typ) != wire.SCTPAbort {
				want = 1
			}
			if out := x.send(0, chunk(1000, uint8(typ))); len(out[1]) != want {
				t.Errorf("chunk %d, sloppy %v: %d frames", typ, sloppy, len(out[1]))
			}
			if want == 0 {
				x.reasons(map[dataplane.Reason]uint64{dataplane.PassedNotInit: map[bool]uint64{false: 1, true: 2}[sloppy]})
			}
		}
	}
}

// TestSCTPNoServer: the client is told by port unreachable, quoting its packet.
func TestSCTPNoServer(t *testing.T) {
	x := newWorld(t, 100)
	x.apply(service.Change{Op: service.AddService, Service: service.VirtualService{Key: key(service.SCTP), Scheduler: "rr"}})
	x.settle()
	out := x.send(0, chunk(1000, wire.SCTPInit))
	if len(out[0]) != 1 {
		t.Fatalf("%d frames", len(out[0]))
	}
	wiretest.Check(t, out[0][0].Data, wiretest.ICMPIs(3, 3), wiretest.Src(vip), wiretest.Dst(clientIP), wiretest.ValidChecksums(),
		wiretest.Quoted(wiretest.Src(flow(1000).Src), wiretest.Dst(vip+":80"), wiretest.Proto(wire.ProtoSCTP)))
}

// TestSCTPErrors: ICMP about an association reaches its other end, in both
// directions.
func TestSCTPErrors(t *testing.T) {
	x := sctpWorld(t, service.NAT)
	sent := x.send(0, chunk(1000, wire.SCTPInit))[1][0].Data
	e := wiretest.ICMPError(wiretest.Flow{Src: rsIP(1), Dst: clientIP}, 3, 2, 0, sent[14:], wiretest.WithMACs(rsMAC(1), inMAC))
	out := x.send(1, e)
	if len(out[0]) != 1 {
		t.Fatalf("from the server: %d frames", len(out[0]))
	}
	wiretest.Check(t, out[0][0].Data, wiretest.Src(vip), wiretest.Dst(clientIP), wiretest.ICMPIs(3, 2), wiretest.ValidChecksums(),
		wiretest.Quoted(wiretest.Src(flow(1000).Src), wiretest.Dst(vip+":80")))

	reply := wiretest.SCTP(flow(1000).Reply(), wiretest.Chunk(wire.SCTPInitAck, wiretest.Payload(16)))
	out = x.send(0, wiretest.ICMPError(wiretest.Flow{Src: clientIP, Dst: vip}, 3, 2, 0, reply.IP(), toDirector()))
	if len(out[1]) != 1 {
		t.Fatalf("from the client: %d frames", len(out[1]))
	}
	wiretest.Check(t, out[1][0].Data, wiretest.Dst(rsIP(1)), wiretest.ValidChecksums(),
		wiretest.Quoted(wiretest.Src(rsIP(1)+":8080"), wiretest.Dst(flow(1000).Src)))
	if got := x.association(); got != "INIT1" {
		t.Errorf("errors changed the state to %s", got)
	}
}

// TestSCTPFaults: what no rewrite could keep right is counted and dropped.
func TestSCTPFaults(t *testing.T) {
	x := sctpWorld(t, service.NAT)
	super := chunk(1000, wire.SCTPInit)
	super.Offload = wire.Offload{GSOType: wire.GSOTCPv4, GSOSize: 20}
	short := wiretest.Raw(wiretest.IP(wiretest.Flow{Src: clientIP, Dst: vip}, wire.ProtoSCTP, make([]byte, 12), toDirector()).Frame())
	fragment := wiretest.IP(wiretest.Flow{Src: clientIP, Dst: vip}, wire.ProtoSCTP, chunk(1000, wire.SCTPData).Transport()[:32], toDirector(), wiretest.WithFragment(0, true))
	for _, p := range []*wire.Packet{super, short, fragment} {
		if out := x.send(0, p); len(out[0])+len(out[1]) != 0 {
			t.Errorf("%x: forwarded", p.Frame())
		}
	}
	x.reasons(map[dataplane.Reason]uint64{
		dataplane.Reason(wire.FaultOffload): 1, dataplane.Reason(wire.FaultShortSCTP): 1, dataplane.DroppedFragment: 1,
	})
}

// TestSCTPNoAllocations: neither data, nor an association that begins, nor one
// that is refused makes garbage.
func TestSCTPNoAllocations(t *testing.T) {
	reply := wiretest.SCTP(wiretest.Flow{Src: rsIP(1) + ":8080", Dst: flow(1000).Src}, wiretest.Chunk(wire.SCTPSack, nil), wiretest.WithMACs(rsMAC(1), inMAC))
	for name, tt := range map[string]struct {
		method service.Method
		pkt    func(i int) *wire.Packet
		want   dataplane.Verdict
	}{
		"nat":    {service.NAT, func(int) *wire.Packet { return chunk(1000, wire.SCTPData) }, dataplane.Forwarded},
		"dr":     {service.DR, func(int) *wire.Packet { return chunk(1000, wire.SCTPData) }, dataplane.Forwarded},
		"tunnel": {service.Tunnel, func(int) *wire.Packet { return chunk(1000, wire.SCTPData) }, dataplane.Forwarded},
		"reply":  {service.NAT, func(int) *wire.Packet { return reply }, dataplane.Forwarded},
		"new":    {service.NAT, func(i int) *wire.Packet { return chunk(2000+i%600, wire.SCTPInit) }, dataplane.Forwarded},
		"other":  {service.NAT, func(int) *wire.Packet { return chunk(1999, wire.SCTPData) }, dataplane.Passed},
	} {
		t.Run(name, func(t *testing.T) {
			x := newWorld(t, 2000)
			x.balance(service.SCTP, "wlc", tt.method, 1)
			pkts := make([]*wire.Packet, 600)
			for i := range pkts {
				pkts[i] = tt.pkt(i)
			}
			runLane(x, []*wire.Packet{chunk(1000, wire.SCTPInit)})
			x.noAllocs(tt.want, func(i int) *wire.Packet { return pkts[i%len(pkts)] })
		})
	}
}

// TestSCTPPersistence: a client's associations go to one server, and an
// established one assures the template.
func TestSCTPPersistence(t *testing.T) {
	x := newWorld(t, 100)
	vs := service.VirtualService{Key: key(service.SCTP), Scheduler: "rr", Persistent: time.Minute}
	x.apply(service.Change{Op: service.AddService, Service: vs})
	for n := 1; n <= 3; n++ {
		x.apply(service.Change{Op: service.AddServer, Service: vs, Server: server(n, service.DR)})
	}
	x.settle()
	servers := map[int]bool{}
	for n := range 9 {
		servers[toServer(x.send(0, chunk(1000+n, wire.SCTPInit))[1][0])] = true
	}
	if len(servers) != 1 {
		t.Errorf("associations of one client went to %v", servers)
	}
	x.send(0, chunk(1000, wire.SCTPCookieEcho))
	names := map[string]int{}
	x.d.Conns().Range(func(i *conntrack.Info) bool { names[i.Name()]++; return true })
	if names["ASSURED"] != 1 || names["ESTABLISHED"] != 1 || names["INIT1"] != 8 {
		t.Errorf("states %v", names)
	}
}
