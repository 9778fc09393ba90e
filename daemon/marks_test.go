package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ulvs/control/api"
	"ulvs/dataplane/filter"
	"ulvs/internal/guard"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// markedTable is a table of rules and of services by mark, each with the given
// servers.
func markedTable(t *testing.T, rules []string, services ...service.Entry) *service.Table {
	t.Helper()
	table := service.NewTable()
	apply := func(c service.Change) {
		var err error
		if table, err = table.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	c := service.Change{Op: service.SetMarks}
	for _, line := range rules {
		r, err := service.ParseMarkRule(strings.Fields(line))
		if err != nil {
			t.Fatal(err)
		}
		c.Marks = append(c.Marks, r)
	}
	apply(c)
	for _, e := range services {
		apply(service.Change{Op: service.AddService, Service: e.VirtualService})
		for _, r := range e.Servers {
			apply(service.Change{Op: service.AddServer, Service: e.VirtualService, Server: r})
		}
	}
	return table
}

func entry(v service.VirtualService, servers ...service.RealServer) service.Entry {
	return service.Entry{VirtualService: v, Servers: servers}
}

// byMark is a service of mark 1; with persist it is persistent.
func byMark(persist time.Duration) service.VirtualService {
	return service.VirtualService{Key: service.Key{Mark: 1}, Persistent: persist}
}

// byMark6 is byMark for IPv6.
func byMark6(persist time.Duration) service.VirtualService {
	return service.VirtualService{Key: service.Key{Mark: 1, IPv6: true}, Persistent: persist}
}

// real6 is real for IPv6.
func real6(n int, port uint16, m service.Method) service.RealServer {
	r := real(n, port, m)
	r.Addr = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 3, 15: byte(n)})
	return r
}

// real is server n by a method.
func real(n int, port uint16, m service.Method) service.RealServer {
	return service.RealServer{Addr: netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), Port: port, Method: m, Weight: 1}
}

// TestTakeover: what of a configuration with mark rules the host loses, rule by
// rule, and from where replies come.
func TestTakeover(t *testing.T) {
	ftp := service.VirtualService{Key: service.Key{Protocol: service.TCP, Addr: web.Addr, Port: 21}, Persistent: time.Minute}
	plainFTP := ftp
	plainFTP.Persistent = 0
	for _, tt := range []struct {
		name     string
		rules    []string
		services []service.Entry
		want     string // virtual; taken; ranges of replies; NAT endpoints
	}{
		{"one port", []string{"-p tcp -d 198.51.100.1 --dport 80 1"}, []service.Entry{entry(byMark(0), real(1, 0, service.NAT))},
			"198.51.100.1; 6 198.51.100.1/32:80-80; ; 6 203.0.113.1:80"},
		{"server with a port", []string{"-p tcp -d 198.51.100.1 --dport 80 1"}, []service.Entry{entry(byMark(0), real(1, 8080, service.NAT))},
			"198.51.100.1; 6 198.51.100.1/32:80-80; ; 6 203.0.113.1:8080"},
		{"persistent, whose servers keep the client's port", []string{"-p tcp -d 198.51.100.1 --dport 80 1"}, []service.Entry{entry(byMark(time.Minute), real(1, 8080, service.NAT))},
			"198.51.100.1; 6 198.51.100.1/32:80-80; ; 6 203.0.113.1:80"},
		{"range", []string{"-p udp -d 198.51.100.0/24 --dport 80:90 1"}, []service.Entry{entry(byMark(0), real(1, 0, service.NAT), real(2, 0, service.DR))},
			"; 17 198.51.100.0/24:80-90; 17 203.0.113.1/32:80-90; "},
		{"every protocol", []string{"-d 198.51.100.0/24 1"}, []service.Entry{entry(byMark(0), real(1, 0, service.NAT))},
			"; 6 198.51.100.0/24:0-0 17 198.51.100.0/24:0-0 132 198.51.100.0/24:0-0; ; 6 203.0.113.1:0 17 203.0.113.1:0 132 203.0.113.1:0"},
		{"exceptions", []string{"-p tcp --dport 22 0", "-p tcp --dport 23 9", "-p tcp -s 192.0.2.0/24 1"}, []service.Entry{entry(byMark(0))},
			"; !6 0.0.0.0/0:22-22 !6 0.0.0.0/0:23-23 6 0.0.0.0/0:0-0; ; "},
		{"no service", []string{"-p tcp --dport 22 0", "-d 198.51.100.1 1"}, nil, "; ; ; "},
		{"address of another service", []string{"-p tcp -d 198.51.100.1 --dport 443 1"}, []service.Entry{entry(byMark(0)), entry(web)},
			"; 6 198.51.100.1/32:443-443; ; "},
		{"ftp", []string{"-p tcp --dport 2000 0", "-p tcp --dport 2001 1"}, []service.Entry{entry(byMark(0)), entry(ftp, real(1, 21, service.NAT))},
			"; 6 198.51.100.1/32:20-20 6 198.51.100.1/32:1024-65535 !6 0.0.0.0/0:2000-2000 6 0.0.0.0/0:2001-2001; 6 203.0.113.1/32:1024-65535; 6 203.0.113.1:21 6 203.0.113.1:20"},
		{"ftp by dr", nil, []service.Entry{entry(ftp, real(1, 21, service.DR))},
			"; 6 198.51.100.1/32:20-20 6 198.51.100.1/32:1024-65535; ; "},
		{"ipv6", []string{"-p tcp -d 2001:db8:2::1 --dport 80 1", "-p udp -d 2001:db8:2::/64 --dport 80:90 1"}, []service.Entry{entry(byMark6(0), real6(1, 0, service.NAT))},
			"2001:db8:2::1; 6 2001:db8:2::1/128:80-80 17 2001:db8:2::/64:80-90; 17 2001:db8:3::1/128:80-90; 6 [2001:db8:3::1]:80"},
		{"rules of either family, service of one", []string{"-p tcp --dport 22 0", "-p tcp --dport 80 1", "-d 198.51.100.1 1"}, []service.Entry{entry(byMark6(0), real6(1, 8080, service.NAT))},
			"; !6 ::/0:22-22 6 ::/0:80-80; ; 6 [2001:db8:3::1]:8080"},
		{"services of both families", []string{"-p tcp --dport 80 1", "-p tcp -s 2001:db8:4::/48 2"}, []service.Entry{entry(byMark(0), real(1, 0, service.DR)), entry(byMark6(0), real6(1, 0, service.NAT))},
			"; 6 0.0.0.0/0:80-80 6 ::/0:80-80 !6 ::/0:0-0; ; 6 [2001:db8:3::1]:80"},
		{"ftp without persistence", nil, []service.Entry{entry(plainFTP, real(1, 21, service.NAT))}, "; ; ; 6 203.0.113.1:21"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := markedTable(t, tt.rules, tt.services...)
			_, reals, _ := endpoints(table)
			m, reals := marks(table, reals)
			if got := m.text(reals); got != tt.want {
				t.Errorf("taken over\n%s, want\n%s", got, tt.want)
			}
		})
	}
}

// text writes all down for the rows above.
func (m *marked) text(reals []filter.Endpoint) string {
	var taken, replies, ends []string
	for _, x := range m.taken {
		not := map[bool]string{true: "!"}[x.Except]
		taken = append(taken, fmt.Sprintf("%s%d %v:%d-%d", not, x.Protocol, x.Destination, x.DestinationPorts.First, x.DestinationPorts.Last))
	}
	for _, x := range m.replies {
		replies = append(replies, fmt.Sprintf("%d %v:%d-%d", x.Protocol, x.Source, x.SourcePorts.First, x.SourcePorts.Last))
	}
	for _, e := range reals {
		ends = append(ends, fmt.Sprintf("%d %v", e.Proto, netip.AddrPortFrom(e.Addr, e.Port)))
	}
	return strings.Join([]string{strings.Trim(fmt.Sprint(m.virtual), "[]"), strings.Join(taken, " "), strings.Join(replies, " "), strings.Join(ends, " ")}, "; ")
}

// TestManyReplyRanges: more ranges than are tried one by one become all ports
// of their servers.
func TestManyReplyRanges(t *testing.T) {
	var servers []service.RealServer
	for n := range maxReplyRanges + 1 {
		servers = append(servers, real(n+1, 0, service.NAT))
	}
	m, reals := marks(markedTable(t, []string{"-p tcp --dport 80:90 1"}, entry(byMark(0), servers...)), nil)
	if len(m.replies) != 0 || len(reals) != maxReplyRanges+1 || reals[0].Port != 0 {
		t.Errorf("%d ranges, %d endpoints", len(m.replies), len(reals))
	}
}

// TestBothTakeLess: in the middle of a change the host is kept from nothing
// that it is not kept from before and after.
func TestBothTakeLess(t *testing.T) {
	before := marked{taken: []guard.Match{{Protocol: 6}, {Protocol: 17}, {Protocol: 17, Except: true}}}
	after := marked{taken: []guard.Match{{Protocol: 6, Except: true}, {Protocol: 17}}}
	got := fmt.Sprint(before.both(&after).taken)
	if want := fmt.Sprint([]guard.Match{{Protocol: 17, Except: true}, {Protocol: 6, Except: true}, {Protocol: 17}}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestMarksReachTheKernel: rules and their services come to filter and guard
// with the command that sets them, and a change of another does not disturb.
func TestMarksReachTheKernel(t *testing.T) {
	k := &kernel{}
	d, _ := guarded(t, k)
	last := func() guard.Rules { return k.rules[len(k.rules)-1] }
	rule, _ := service.ParseMarkRule(strings.Fields("-p tcp -d 198.51.100.9 --dport 80:81 1"))
	mustApply(t, d, service.Change{Op: service.SetMarks, Marks: []service.MarkRule{rule}})
	if n := len(last().Taken); n != 0 {
		t.Errorf("%d matches without a service", n)
	}
	v := byMark(0)
	mustApply(t, d, service.Change{Op: service.AddService, Service: v}, service.Change{Op: service.AddServer, Service: v, Server: real(7, 0, service.NAT)})
	if r := last(); len(r.Taken) != 1 || len(r.Replies) != 1 || len(r.Virtual) != 1 || len(r.Services) != 1 {
		t.Errorf("guarded: %+v", r)
	}
	d.director.Handle(time.Hour, wiretest.TCP(wiretest.Flow{Src: "192.0.2.7:1000", Dst: "198.51.100.9:80"}, wire.SYN, nil))
	mustApply(t, d, service.Change{Op: service.DeleteService, Service: v})
	if r := last(); len(r.Taken) != 0 || !slices.Contains(r.NATReals, guard.Endpoint{Proto: 17, Addr: real(7, 0, service.NAT).Addr}) {
		t.Errorf("guarded with a connection left: %+v", r)
	}
	if err := d.SetMarks(api.SetMarks{Was: &[]service.MarkRule{}}); api.CodeOf(err) != api.Conflict || len(d.Marks()) != 1 {
		t.Errorf("replace of what is not there: %v", err)
	}
}
