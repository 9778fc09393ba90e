package filter_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"golang.org/x/net/bpf"

	"ulvs/dataplane/filter"
)

const (
	icmp = 1
	tcp  = 6
	udp  = 17
	sctp = 132
)

func endpoint(proto uint8, addrPort string) filter.Endpoint {
	ap := netip.MustParseAddrPort(addrPort)
	return filter.Endpoint{Addr: ap.Addr(), Port: ap.Port(), Proto: proto}
}

// frame describes an IPv4 frame for the rows below.
type frame struct {
	src, dst     string
	sport, dport uint16
	proto        uint8
	frag         uint16 // flags and offset field
	icmpType     uint8
	ihl          int // 32-bit words; 0 means 5
}

func (f frame) bytes() []byte {
	ihl := f.ihl
	if ihl == 0 {
		ihl = 5
	}
	b := make([]byte, 14+4*ihl+20)
	binary.BigEndian.PutUint16(b[12:], 0x0800)
	ip := b[14:]
	ip[0] = 0x40 | byte(ihl)
	binary.BigEndian.PutUint16(ip[6:], f.frag)
	ip[9] = f.proto
	src, dst := netip.MustParseAddr(f.src).As4(), netip.MustParseAddr(f.dst).As4()
	copy(ip[12:], src[:])
	copy(ip[16:], dst[:])
	l4 := ip[4*ihl:]
	if f.proto == icmp {
		l4[0] = f.icmpType
		return b
	}
	binary.BigEndian.PutUint16(l4, f.sport)
	binary.BigEndian.PutUint16(l4[2:], f.dport)
	return b
}

var rules = filter.Rules{
	Services: []filter.Endpoint{
		endpoint(tcp, "198.51.100.1:80"),
		endpoint(tcp, "198.51.100.1:443"),
		endpoint(udp, "198.51.100.1:53"),
		endpoint(tcp, "198.51.100.2:0"),
		endpoint(sctp, "198.51.100.3:5060"),
		endpoint(tcp, "[2001:db8::1]:80"),
	},
	NATReals: []filter.Endpoint{
		endpoint(tcp, "192.0.2.11:8080"),
		endpoint(udp, "192.0.2.12:0"),
	},
}

func TestWhatPasses(t *testing.T) {
	const client, vip, rip = "203.0.113.7", "198.51.100.1", "192.0.2.11"
	rows := []struct {
		name  string
		frame frame
		want  bool
	}{
		{"service", frame{src: client, dst: vip, dport: 80, proto: tcp}, true},
		{"service with IP options", frame{src: client, dst: vip, dport: 443, proto: tcp, ihl: 8}, true},
		{"other port of the VIP", frame{src: client, dst: vip, dport: 22, proto: tcp}, false},
		{"other protocol of the port", frame{src: client, dst: vip, dport: 80, proto: udp}, false},
		{"udp service", frame{src: client, dst: vip, dport: 53, proto: udp}, true},
		{"all ports of a protocol", frame{src: client, dst: "198.51.100.2", dport: 9999, proto: tcp}, true},
		{"all ports of another protocol", frame{src: client, dst: "198.51.100.2", dport: 9999, proto: udp}, false},
		{"sctp", frame{src: client, dst: "198.51.100.3", dport: 5060, proto: sctp}, true},
		{"ping to the VIP", frame{src: client, dst: vip, proto: icmp, icmpType: 8}, true},
		{"ping elsewhere", frame{src: client, dst: "192.0.2.1", proto: icmp, icmpType: 8}, false},
		{"unreachable to anyone", frame{src: client, dst: "192.0.2.1", proto: icmp, icmpType: 3}, true},
		{"time exceeded to anyone", frame{src: client, dst: "192.0.2.1", proto: icmp, icmpType: 11, ihl: 6}, true},
		{"redirect to anyone", frame{src: client, dst: "192.0.2.1", proto: icmp, icmpType: 5}, false},
		{"first fragment to the VIP", frame{src: client, dst: vip, dport: 22, proto: tcp, frag: 0x2000}, true},
		{"later fragment to the VIP", frame{src: client, dst: vip, proto: udp, frag: 0x0010}, true},
		{"DF is no fragment", frame{src: client, dst: vip, dport: 22, proto: tcp, frag: 0x4000}, false},
		{"fragment elsewhere", frame{src: client, dst: "192.0.2.1", proto: udp, frag: 0x0010}, false},
		{"NAT reply", frame{src: rip, dst: client, sport: 8080, proto: tcp}, true},
		{"other port of a NAT real server", frame{src: rip, dst: client, sport: 22, proto: tcp}, false},
		{"NAT reply of any port", frame{src: "192.0.2.12", dst: client, sport: 1234, proto: udp}, true},
		{"NAT reply in fragments", frame{src: rip, dst: client, proto: tcp, frag: 0x00b9}, true},
		{"ping from a real server", frame{src: rip, dst: client, proto: icmp, icmpType: 8}, false},
		{"real server replies to a client at a VIP", frame{src: rip, dst: vip, sport: 8080, dport: 40000, proto: tcp}, true},
		{"to a real server", frame{src: client, dst: rip, dport: 8080, proto: tcp}, false},
		{"GRE to the VIP", frame{src: client, dst: vip, proto: 47}, false},
	}
	vm := machine(t, rules)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := passes(t, vm, row.frame.bytes()); got != row.want {
				t.Errorf("passes = %v, want %v", got, row.want)
			}
		})
	}
}

func TestOtherEtherTypes(t *testing.T) {
	vm := machine(t, rules)
	for etherType, want := range map[uint16]bool{0x0806: true, 0x86dd: false, 0x8100: false, 0x88cc: false} {
		b := make([]byte, 60)
		binary.BigEndian.PutUint16(b[12:], etherType)
		if got := passes(t, vm, b); got != want {
			t.Errorf("ethertype %04x passes = %v, want %v", etherType, got, want)
		}
	}
}

// Loads beyond the frame end the program, and the frame is dropped.
func TestShortFrames(t *testing.T) {
	vm := machine(t, rules)
	whole := frame{src: "203.0.113.7", dst: "198.51.100.1", dport: 80, proto: tcp}.bytes()
	for n := range len(whole) {
		want := n >= 14+20+4
		if got := passes(t, vm, whole[:n]); got != want {
			t.Errorf("%d bytes: passes = %v, want %v", n, got, want)
		}
	}
}

func machine(t testing.TB, r filter.Rules) *bpf.VM {
	t.Helper()
	prog, _ := filter.Build(r)
	vm, err := bpf.NewVM(prog)
	if err != nil {
		t.Fatalf("load program of %d instructions: %v", len(prog), err)
	}
	return vm
}

func passes(t testing.TB, vm *bpf.VM, b []byte) bool {
	t.Helper()
	n, err := vm.Run(b)
	if err != nil {
		t.Fatalf("run filter: %v", err)
	}
	return n > 0
}

// want is the slow obvious statement of what an exact program does.
func want(r filter.Rules, b []byte) bool {
	switch {
	case len(b) < 14:
		return false
	case b[12] == 8 && b[13] == 6:
		return true
	case b[12] != 8 || b[13] != 0 || len(b) < 34:
		return false
	}
	ip := b[14:]
	frag := binary.BigEndian.Uint16(ip[6:])
	src, dst := netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:]))
	l4 := ip[4*int(ip[0]&15):]
	if ip[9] == icmp && frag&0x1fff == 0 {
		if typ := l4[0]; typ == 3 || typ == 4 || typ == 11 || typ == 12 {
			return true
		}
	}
	sport, dport := binary.BigEndian.Uint16(l4), binary.BigEndian.Uint16(l4[2:])
	return match(r.Services, dst, ip[9], frag, dport, true) || match(r.NATReals, src, ip[9], frag, sport, false)
}

func match(endpoints []filter.Endpoint, addr netip.Addr, proto uint8, frag, port uint16, ping bool) bool {
	for _, e := range endpoints {
		if e.Addr != addr {
			continue
		}
		if frag&0x3fff != 0 || ping && proto == icmp {
			return true
		}
		if e.Proto == proto && (e.Port == 0 || e.Port == port) {
			return true
		}
	}
	return false
}

// TestAgainstOracle compares random tables on random packets whose values are
// drawn from few, so that near misses are many.
func TestAgainstOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 2, 3, 5, 9, 40, 120, 200} {
		for round := range 5 {
			r := filter.Rules{Services: randomEndpoints(rng, size, 1), NATReals: randomEndpoints(rng, size, 2)}
			prog, precision := filter.Build(r)
			if precision != filter.Exact {
				t.Fatalf("%d endpoints: precision %v, want exact (%d instructions)", size, precision, len(prog))
			}
			vm := machine(t, r)
			for range 1500 {
				b := randomFrame(rng, size)
				if got := passes(t, vm, b); got != want(r, b) {
					t.Fatalf("size %d round %d: passes = %v, want %v\n%x", size, round, got, !got, b)
				}
			}
		}
	}
}

var protos = []uint8{icmp, tcp, udp, sctp, 47}

func randomAddr(rng *rand.Rand, size int, third byte) netip.Addr {
	n := rng.IntN(size + 1)
	return netip.AddrFrom4([4]byte{198, 51, third + byte(n>>8)*2, byte(n)})
}

func randomEndpoints(rng *rand.Rand, n int, third byte) []filter.Endpoint {
	out := make([]filter.Endpoint, n)
	for i := range out {
		out[i] = filter.Endpoint{
			Addr: randomAddr(rng, n, third), Proto: protos[1+rng.IntN(3)], Port: uint16(rng.IntN(6)),
		}
	}
	return out
}

func randomFrame(rng *rand.Rand, size int) []byte {
	f := frame{
		src:   randomAddr(rng, size, 1+byte(rng.IntN(2))).String(),
		dst:   randomAddr(rng, size, 1+byte(rng.IntN(2))).String(),
		sport: uint16(rng.IntN(7)), dport: uint16(rng.IntN(7)),
		proto:    protos[rng.IntN(len(protos))],
		icmpType: uint8(rng.IntN(14)),
		ihl:      5 + rng.IntN(3),
	}
	if rng.IntN(4) == 0 {
		f.frag = uint16(rng.Uint32())
	}
	return f.bytes()
}

// TestTooManyForExact: a table that does not fit is followed less closely, but
// nothing of it is shut out.
func TestTooManyForExact(t *testing.T) {
	rows := []struct {
		vips, ports int
		want        filter.Precision
	}{
		{1, 1, filter.Exact},
		{1000, 1, filter.Exact}, // equal sets of ports share their code
		{20, 20, filter.Exact},
		{1000, 4, filter.Addresses},
		{5000, 1, filter.All},
	}
	for _, row := range rows {
		t.Run(fmt.Sprintf("%dx%d", row.vips, row.ports), func(t *testing.T) {
			r := manyServices(row.vips, row.ports)
			prog, precision := filter.Build(r)
			if precision != row.want {
				t.Errorf("precision %v, want %v (%d instructions)", precision, row.want, len(prog))
			}
			checkLoads(t, r)
			checkAllPass(t, r)
		})
	}
}

// manyServices gives each VIP ports of its own if there are several.
func manyServices(vips, ports int) (r filter.Rules) {
	for v := range vips {
		addr := netip.AddrFrom4([4]byte{10, byte(v >> 16), byte(v >> 8), byte(v)})
		for i := range ports {
			port := 80 + i
			if ports > 1 {
				port += v * 7 % 1000
			}
			r.Services = append(r.Services, filter.Endpoint{Addr: addr, Port: uint16(port), Proto: tcp})
		}
	}
	return r
}

func checkLoads(t *testing.T, r filter.Rules) {
	t.Helper()
	raw, _, err := filter.Assemble(r, filter.Exact)
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) == 0 || len(raw) > 4096 {
		t.Errorf("program has %d instructions, want 1 to 4096", len(raw))
	}
}

func checkAllPass(t *testing.T, r filter.Rules) {
	t.Helper()
	vm := machine(t, r)
	for _, e := range r.Services {
		f := frame{src: "203.0.113.1", dst: e.Addr.String(), dport: e.Port, proto: e.Proto}
		if !passes(t, vm, f.bytes()) {
			t.Fatalf("a packet to %v does not pass", e)
		}
	}
}

func TestAllIPv4(t *testing.T) {
	vm := machine(t, filter.Rules{AllIPv4: true})
	if !passes(t, vm, frame{src: "203.0.113.1", dst: "192.0.2.200", dport: 1, proto: udp}.bytes()) {
		t.Error("IPv4 does not pass")
	}
}

func BenchmarkBuild1000(b *testing.B) {
	r := manyServices(1000, 1)
	for b.Loop() {
		filter.Build(r)
	}
}

// TestCoarser: on request a program is less exact, and then not longer.
func TestCoarser(t *testing.T) {
	last := 1 << 16
	for p := filter.Exact; p <= filter.All; p++ {
		prog, got := filter.BuildFrom(rules, p)
		if got != p || len(prog) >= last {
			t.Errorf("asked for %v, got %v in %d instructions, the one before had %d", p, got, len(prog), last)
		}
		last = len(prog)
	}
}
