package lesson

import (
	"net/netip"
	"strings"
	"time"

	"ulvs/lab"
	"ulvs/wire"
)

var tunMTU = Lesson{
	Name:  "tun-mtu",
	Title: "Tunnelling, and the 20 bytes that do not fit",
	Goal: `In tunnelling the director puts the client's packet into another one. You will see the outer header, what
happens to a packet that fills the link already, and the black hole that appears where ICMP is dropped.`,
	Network: lab.Config{Mode: lab.TUN, Servers: 1},
	Finding: "tun-mtu-black-hole",
	Play:    playTunMTU,
	Exercise: Exercise{
		Task: `The firewall is there again, and the link has become narrower still, 1300 bytes. The network department will
not touch either. Make uploads work nevertheless, with a setting on the real server alone. (What tells a TCP how large a
segment its peer takes? See advmss in the manual of ip-route, and count: IP in IP, IP, TCP.)`,
		Host:     "rs1",
		Solution: []string{"ip route change default via 192.0.2.1 advmss 1240"},
		Mark: func(s *Stage) {
			s.flushClient()
			got := s.upload(4000, 1500*time.Millisecond)
			s.Mark(got == 4000, "4000 bytes sent, %d arrived", got)
			there := s.quietly("router", "nft list ruleset; ip -o link show dev eth1")
			s.Mark(strings.Contains(there, "drop") && strings.Contains(there, "mtu 1300"), "firewall and link are as they were")
		},
	},
}

func playTunMTU(s *Stage) {
	s.Part("The tunnel")
	s.must(s.Decap())
	s.page.command("rs1", "ulvs decap --director 198.51.100.2 --vip 198.51.100.100", "")
	s.StartDirector()
	s.Run("director", "ipvsadm -A -t 198.51.100.100:80 -s rr")
	s.Run("director", "ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.11 -i")
	s.Say(`The server is behind a router, which direct routing could not cross. On it ulvs decap takes packets out of the
tunnel, as a tunl0 device would, and has the VIP.`)
	s.Serve(httpPort)
	p := s.Predict(`The SYN leaves the director inside a packet from the director to the server, 20 bytes longer: one
more IPv4 header. The reply is not tunnelled: it goes from the VIP straight to the client, by the router.`)
	var c *Conn
	hops := s.Watch(isSYN, 10, func() { c = s.Connect() })
	s.Show(hops)
	out := choose(hops, at("director", true, isSYN))
	in := choose(hops, at("director", false, isSYN))
	back := choose(hops, at("client", false, isSYN))
	p.Check(len(hops) == 10 && out[0].Inner != nil && out[0].Len == in[0].Len+20 && back[0].Src == s.Service() && back[0].From == s.mac("router"),
		"%d bytes became %d, from %s to %s", in[0].Len, out[0].Len, out[0].Src.Addr(), out[0].Dst.Addr())
	c.Close()
	s.tooBig()
	s.blackHole()
}

// flushClient makes the client forget what it has learnt of MTUs.
func (s *Stage) flushClient() { s.quietly("client", "ip route flush cache") }

// upload connects and sends n bytes; it returns what arrived within limit.
func (s *Stage) upload(n int, limit time.Duration) int {
	c, err := s.Try(netip.Addr{}, s.Service(), patience)
	s.must(err)
	got := c.upload(n, limit)
	_ = c.SetLinger(0) // what is left is not sent any more
	_ = c.TCPConn.Close()
	return got
}

// isLarge chooses what does not fit into a tunnel.
func isLarge(h *Hop) bool { return h.Len > 1480 && h.Inner == nil }

func isICMP(h *Hop) bool { return h.ICMP != "" }

func isTunnel(h *Hop) bool { return h.Inner != nil && h.Inner.Proto == wire.ProtoTCP }

// tooBig sends a packet that fills the link.
func (s *Stage) tooBig() {
	s.Part("A packet that is too big")
	s.Say(`The links have an MTU of 1500 bytes, and TCP fills them: the first segment of an upload makes a packet of 1500,
with don't-fragment set. With the outer header it would be 1520.`)
	p := s.Predict(`The director answers with ICMP "too big", MTU 1480, in the name of the network. The client sends the
data again in smaller pieces, and the upload comes through whole.`)
	hops, got := s.uploadSeen(1448, 2*time.Second)
	hops = choose(hops, func(h *Hop) bool { return isLarge(h) || isICMP(h) })
	s.Show(hops)
	icmp := choose(hops, at("client", false, isICMP))
	p.Check(got == 1448 && len(icmp) == 1, "1448 bytes sent, %d arrived", got)
	s.Run("client", "ip route get 198.51.100.100 | grep -o 'mtu [0-9]*'")
}

// uploadSeen uploads and returns what was sent large on the way, or told about
// it. The pieces that the client then sends are seen in the tunnel only: to the
// director they come one by one or as a super-frame, as TCP's timers fall.
func (s *Stage) uploadSeen(n int, limit time.Duration) (hops []Hop, got int) {
	large := func(h *Hop) bool { return h.ICMP != "" || h.Len > 1400 || h.Inner != nil && h.Len > 1200 }
	hops = s.watchFor(100*time.Millisecond, large, 1000, func() { got = s.upload(n, limit) })
	return hops, got
}

// blackHole breaks it.
func (s *Stage) blackHole() {
	s.Part("Break it: a narrower link, and a firewall that drops ICMP")
	s.Say(`The link behind the router gets an MTU of 1400, and the router a firewall by somebody who has heard that ICMP
is dangerous.`)
	s.Run("router", "ip link set eth1 mtu 1400")
	s.Run("router", "nft add table ip fw")
	s.Run("router", "nft add chain ip fw out '{ type filter hook output priority 0; }'")
	s.Run("router", "nft add rule ip fw out icmp type destination-unreachable drop")
	p := s.Predict(`The connection is made: its packets are small. The first full one comes to the router, which cannot
send it on and may not say so. Nobody learns anything; the client repeats the packet until it gives up. A black hole.`)
	hops, got := s.uploadSeen(1400, 900*time.Millisecond)
	s.Show(hops)
	beyond := len(choose(hops, at("router", true, isTunnel))) + len(choose(hops, isICMP))
	p.Check(got == 0 && beyond == 0 && len(choose(hops, at("router", false, isTunnel))) == 1,
		"the packet came to the router and not out of it; 1400 bytes sent, %d arrived", got)
	s.Diagnose()
	s.Part("Mend it")
	s.Run("router", "nft delete table ip fw")
	p = s.Predict(`The router tells the director, whose address is in the outer header, that 1400 is the limit. The
director tells the client, less the 20 bytes of the tunnel. The upload comes through.`)
	hops, got = s.uploadSeen(1400, 2*time.Second)
	s.Show(hops)
	s.Say("(The pieces are shown in the tunnel only.)")
	p.Check(got == 1400 && len(choose(hops, at("client", false, isICMP))) > 0, "1400 bytes sent, %d arrived", got)
	s.Say(`The director has told the client twice: like ip_vs it passes on the router's message with the MTU by which the
packet was sent, and only the repeated packet meets the one that it has learnt.`)
	s.quietly("router", "ip link set eth1 mtu 1300")
	s.quietly("router", "nft add table ip fw; nft add chain ip fw out '{ type filter hook output priority 0; }'; nft add rule ip fw out icmp type destination-unreachable drop")
}
