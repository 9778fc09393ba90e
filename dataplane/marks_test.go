package dataplane_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ulvs/conntrack"
	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// portNames are the interfaces of the world.
var portNames = map[string]uint16{"eth0": 0, "eth1": 1}

// markOf is the mark that rules give a packet, written down plainly.
func markOf(rules []service.MarkRule, p *wire.Packet) uint32 {
	for _, r := range rules {
		port, known := portNames[r.Interface]
		if (r.Protocol == 0 || uint8(r.Protocol) == p.Proto) &&
			(!r.Source.IsValid() || r.Source.Contains(p.Src.Netip())) &&
			(!r.Destination.IsValid() || r.Destination.Contains(p.Dst.Netip())) &&
			r.SourcePorts.Contains(p.SrcPort) && r.DestinationPorts.Contains(p.DstPort) &&
			(r.Interface == "" || known && port == p.In) {
			return r.Mark
		}
	}
	return 0
}

// rules parses rules, one a line.
func rules(t testing.TB, lines ...string) service.Change {
	t.Helper()
	c := service.Change{Op: service.SetMarks}
	for _, line := range lines {
		r, err := service.ParseMarkRule(strings.Fields(line))
		if err != nil {
			t.Fatal(err)
		}
		c.Marks = append(c.Marks, r)
	}
	return c
}

// markService adds a service of a mark with one DR server of that number.
func (x *world) markService(mark uint32) {
	vs := service.VirtualService{Key: service.Key{Mark: mark}, Scheduler: "rr"}
	x.apply(service.Change{Op: service.AddService, Service: vs},
		service.Change{Op: service.AddServer, Service: vs, Server: service.RealServer{Addr: netip.MustParseAddr(rsIP(int(mark))), Method: service.DR, Weight: 1}})
}

// TestMatchModel: the services of one address, with and without persistence,
// and a mark's are found in the order in which service.Table looks.
func TestMatchModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := newWorld(t, 1000)
		ports := rapid.SliceOfNDistinct(rapid.SampledFrom([]uint16{0, 20, 21, 80, 1024}), 0, 4, rapid.ID).Draw(rt, "services")
		for i, port := range ports {
			vs := service.VirtualService{Key: service.Key{Protocol: service.TCP, Addr: netip.MustParseAddr(vip), Port: port}, Scheduler: "rr"}
			if port == 0 || rapid.Bool().Draw(rt, "persistent") {
				vs.Persistent = time.Minute
			}
			x.apply(service.Change{Op: service.AddService, Service: vs}, service.Change{Op: service.AddServer, Service: vs, Server: server(i+2, service.DR)})
		}
		x.markService(1)
		x.apply(rules(t, "-p tcp --dport 1023:1024 1", "-d 203.0.113.0/24 1"))
		for i, port := range []uint16{1, 20, 21, 80, 1023, 1024, 1025} {
			f := wiretest.Flow{Src: fmt.Sprintf("192.0.2.%d:1000", i+1), Dst: fmt.Sprintf("%s:%d", vip, port)} // of other clients, who have no template
			p := wiretest.TCP(f, wire.SYN, nil, toDirector())
			if wire.Parse(p) != wire.FaultNone {
				rt.Fatal("malformed")
			}
			table := x.d.Table()
			e := table.Match(service.TCP, p.Dst.Netip(), port, markOf(table.Marks(), p))
			verdict := x.d.Handle(x.now, p)
			if served := e != nil && e.Schedules(port); served != (verdict == dataplane.Forwarded) {
				rt.Fatalf("services %v, port %d: %v, table has %v", ports, port, verdict, e)
			} else if served && p.Ethernet().Dst() != rsMAC(int(e.Servers[0].Addr.As4()[3])) {
				rt.Fatalf("services %v, port %d: to %v, table has %v", ports, port, p.Ethernet().Dst(), e)
			}
		}
	})
}

// drawnRule draws a rule about few addresses and ports, so that rules overlap.
func drawnRule(t *rapid.T) service.MarkRule {
	return service.MarkRule{
		Protocol:         rapid.SampledFrom([]service.Protocol{service.TCP, service.TCP, service.UDP}).Draw(t, "protocol"),
		Source:           rapid.SampledFrom([]netip.Prefix{{}, {}, netip.MustParsePrefix("192.0.2.0/25"), netip.MustParsePrefix("192.0.2.7/32")}).Draw(t, "source"),
		Destination:      rapid.SampledFrom([]netip.Prefix{{}, netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("198.51.100.0/30"), netip.MustParsePrefix("198.51.100.2/32"), netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("198.51.100.128/25")}).Draw(t, "destination"),
		SourcePorts:      rapid.SampledFrom([]service.PortRange{{}, {}, {First: 1000, Last: 1001}}).Draw(t, "sport"),
		DestinationPorts: rapid.SampledFrom([]service.PortRange{{}, {First: 80, Last: 80}, {First: 0, Last: 80}, {First: 81, Last: 65535}}).Draw(t, "dport"),
		Interface:        rapid.SampledFrom([]string{"", "", "eth0", "eth1", "eth9"}).Draw(t, "interface"),
		Mark:             rapid.Uint32Range(0, 4).Draw(t, "mark"),
	}
}

// TestMarksModel: a new connection goes where the first rule that matches says,
// or if its mark has no service where the address says; a packet to neither is
// passed.
func TestMarksModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := newWorld(t, 1000)
		x.d.SetInterfaces(portNames)
		for mark := range uint32(3) {
			x.markService(mark + 1)
		}
		c := service.Change{Op: service.SetMarks, Marks: rapid.SliceOfN(rapid.Custom(drawnRule), 0, 5).Draw(rt, "rules")}
		x.apply(c)
		for i := range 20 {
			f := wiretest.Flow{
				Src: fmt.Sprintf("192.0.2.%d:%d", rapid.SampledFrom([]int{7, 8, 200}).Draw(rt, "client"), 1000+i%3),
				Dst: fmt.Sprintf("198.51.100.%d:%d", rapid.SampledFrom([]int{1, 2, 4, 127, 128, 255}).Draw(rt, "vip"), rapid.SampledFrom([]int{1, 80, 81, 443}).Draw(rt, "port")),
			}
			p := wiretest.TCP(f, wire.SYN, nil, toDirector())
			p.In = uint16(rapid.IntRange(0, 1).Draw(rt, "in"))
			if wire.Parse(p) != wire.FaultNone {
				rt.Fatal("malformed")
			}
			x.d.Conns().RemoveIf(func(*conntrack.Conn) bool { return true })
			want := markOf(x.d.Table().Marks(), p)
			verdict := x.d.Handle(x.now, p)
			switch server := p.Ethernet().Dst(); {
			case want == 0 || want == 4:
				if verdict != dataplane.Passed {
					rt.Fatalf("%v: %v for mark %d", f, verdict, want)
				}
			case verdict != dataplane.Forwarded || server != rsMAC(int(want)):
				rt.Fatalf("%v in by %d: %v to %v, want server %d; rules %v", f, p.In, verdict, server, want, c.Marks)
			}
		}
	})
}
