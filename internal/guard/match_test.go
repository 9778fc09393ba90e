package guard

import (
	"net/netip"
	"testing"
)

// network is the prefix around an address of a topology.
func network(addr string, bits int) netip.Prefix {
	return netip.PrefixFrom(netip.MustParseAddr(addr), bits).Masked()
}

// TestTaken: of packets to what a match says the host sees none, of all others
// each; the first match decides; none outlives the next Sync.
func TestTaken(t *testing.T) {
	each(t, func(top *topology) {
		at := top.at
		vips, client := network(at.vip, at.host-2), network(at.client, at.host)
		from := top.socket(top.client, at.client, 5000)
		host := top.socket(top.director, at.vip, 53)
		for _, tt := range []struct {
			name  string
			taken []Match
			gone  bool
		}{
			{"prefix", []Match{{Destination: vips}}, true},
			{"everything of the protocol", []Match{{Protocol: udp}}, true},
			{"all fields", []Match{{udp, client, vips, Ports{5000, 5000}, Ports{50, 53}, "eth0", false}}, true},
			{"another protocol", []Match{{Protocol: tcp, Destination: vips}}, false},
			{"all addresses of both families", []Match{{Destination: network("0.0.0.0", 0)}, {Destination: network("::", 0)}}, true},
			{"all addresses of the other family", []Match{{Destination: network(map[int]string{32: "::", 128: "0.0.0.0"}[at.host], 0)}}, false},
			{"another destination", []Match{{Destination: network(at.server, at.host-2)}}, false},
			{"another source", []Match{{Source: network(at.server, at.bits), Destination: vips}}, false},
			{"another port", []Match{{Protocol: udp, DestinationPorts: Ports{54, 65535}}}, false},
			{"another client port", []Match{{Protocol: udp, SourcePorts: Ports{0, 4999}}}, false},
			{"another interface", []Match{{Destination: vips, Interface: "eth1"}}, false},
			{"a longer name", []Match{{Destination: vips, Interface: "eth01"}}, false},
			{"a shorter name", []Match{{Destination: vips, Interface: "eth"}}, false},
			{"exception before", []Match{{Protocol: udp, DestinationPorts: Ports{53, 53}, Except: true}, {Destination: vips}}, false},
			{"exception behind", []Match{{Destination: vips}, {Protocol: udp, Except: true}}, true},
			{"none", nil, false},
		} {
			t.Run(tt.name, func(t *testing.T) {
				top.sync(Rules{Taken: tt.taken})
				top.send(from, at.vip, 53, 40)
				if tt.gone {
					top.wantNothing(host)
				} else {
					top.receive(host)
				}
			})
		}
	})
}

// TestExceptionOfOneIsNotOfAll: what a match leaves to the host may still be a
// service's.
func TestExceptionOfOneIsNotOfAll(t *testing.T) {
	each(t, func(top *topology) {
		vip := top.at.vip
		top.sync(Rules{Services: []Endpoint{endpoint(udp, vip, 53)}, Taken: []Match{{Except: true}}})
		host := top.socket(top.director, vip, 53)
		top.send(top.socket(top.client, top.at.client, 5000), vip, 53, 40)
		top.wantNothing(host)
	})
}

// TestReplyRanges: replies from a range of ports are treated as those from an
// endpoint, other ports of the server are not touched.
func TestReplyRanges(t *testing.T) {
	each(t, func(top *topology) {
		at := top.at
		top.sync(Rules{Replies: []Match{{Protocol: udp, Source: network(at.server, at.host), SourcePorts: Ports{50, 53}}}})
		server, other := top.socket(top.server, at.server, 53), top.socket(top.server, at.server, 54)
		balanced, direct := top.socket(top.client, at.client, 5000), top.socket(top.client, at.client, 5001)
		top.send(server, at.client, 5000, 40)
		top.wantNothing(balanced)
		top.send(other, at.client, 5000, 40)
		top.receive(balanced)
		top.send(direct, at.server, 53, 40)
		top.receive(server)
		top.send(server, at.client, 5001, 40)
		top.receive(direct)
		health := top.socket(top.director, at.far, 6000)
		top.send(server, at.far, 6000, 40)
		top.receive(health)
		top.sync(Rules{})
		top.send(server, at.client, 5000, 40)
		top.receive(balanced)
	})
}

// TestVirtualBeside: pings of an address that only a match takes are not the
// host's to forward.
func TestVirtualBeside(t *testing.T) {
	n := families4and6[0]
	top := build(t, n)
	top.director.Route(n.elseVIP+"/32", n.server)
	c := top.pinger()
	top.ping(c, n.elseVIP, 1)
	top.wantPong(c, n.elseVIP)
	top.sync(Rules{Virtual: []netip.Addr{netip.MustParseAddr(n.elseVIP), netip.MustParseAddr(n.vip)}})
	top.ping(c, n.elseVIP, 2) // nobody answers
	top.ping(c, n.vip, 3)     // the host's own
	top.wantPong(c, n.vip)
}

// TestManyMatches: as many rules as there may be fit one transaction.
func TestManyMatches(t *testing.T) {
	top := build(t, families4and6[0])
	var r Rules
	for i := range 3 * 1024 { // mark rules for each of three protocols
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), 32)
		m := Match{Protocol: tcp, Source: p, SourcePorts: Ports{1, 2}, DestinationPorts: Ports{3, 4}, Interface: "eth0"}
		r.Taken = append(r.Taken, m)
	}
	for i := range 64 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 32)
		r.Replies = append(r.Replies, Match{Protocol: tcp, Source: p, SourcePorts: Ports{1, 2}})
	}
	top.sync(r)
	top.sync(Rules{})
}
