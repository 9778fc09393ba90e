package lesson

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"ulvs/lab"
)

var vipOnLo = Lesson{
	Name:  "dr-vip-on-lo",
	Title: "Why direct routing needs the VIP on lo, and arp_ignore and arp_announce",
	Goal: `In direct routing the director changes nothing in a packet but the MAC addresses. You will see what
follows from that: a real server must have the VIP, and must never say so to anybody.`,
	Network: lab.Config{Mode: lab.DR, Servers: 2, Bare: true},
	Finding: "arp-vip-answered-by-server",
	Play:    playVIPOnLo,
	Exercise: Exercise{
		Task: `A third address, 192.0.2.101, shall be served on port 80 by both servers through the director, by direct
routing. Both servers shall have it and keep quiet about it. (The settings of ARP are still there.)`,
		Host: "director",
		Solution: []string{
			"ip addr add 192.0.2.101/32 dev eth0",
			"rs1 ip addr add 192.0.2.101/32 dev lo",
			"rs2 ip addr add 192.0.2.101/32 dev lo",
			"ipvsadm -A -t 192.0.2.101:80 -s rr",
			"ipvsadm -a -t 192.0.2.101:80 -r 192.0.2.11 -g",
			"ipvsadm -a -t 192.0.2.101:80 -r 192.0.2.12 -g",
		},
		Mark: markVIPOnLo,
	},
}

func playVIPOnLo(s *Stage) {
	s.Part("The director")
	s.StartDirector()
	s.Run("director", "ipvsadm -A -t 192.0.2.100:80 -s rr")
	s.Run("director", "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.11 -g")
	s.Run("director", "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.12 -g")
	s.Serve(httpPort)
	s.withoutVIP()
	s.hideVIP()
	s.drRequest()
	s.stealVIP()
}

// withoutVIP sends a packet to servers that do not have its address.
func (s *Stage) withoutVIP() {
	s.Part("A server without the VIP")
	s.Say(`The director has the VIP, 192.0.2.100; the servers only have their own addresses. A client connects.`)
	p := s.Predict(`The SYN comes to a server with the VIP still as its destination, because direct routing
changes the frame and not the packet. The server does not have this address and does not answer.`)
	hops := s.watchFor(400*time.Millisecond, isSYN, 5, func() { _, _ = s.Try(netip.Addr{}, s.Service(), 300*time.Millisecond) })
	s.open++ // half-open: the director will count it for a minute
	s.Show(hops)
	answered := len(choose(hops, at("client", false, isSYN))) > 0
	arrived := slices.ContainsFunc(hops, func(h Hop) bool {
		return strings.HasPrefix(h.Host, "rs") && !h.Out && h.Dst == s.Service()
	})
	p.Check(arrived && !answered, "the SYN is at a server, destination %s, and nothing comes back", s.Service())
}

// hideVIP is what the guides have one type on each server.
func (s *Stage) hideVIP() {
	s.Part("The VIP on lo, hidden")
	s.Say(`So each server gets the VIP, on lo, where it hurts nobody: /32, no network behind it. But Linux answers
ARP for any address that the host has, on whatever interface it is. Two settings stop that. arp_ignore=1: answer only for
addresses of the interface on which the question came. arp_announce=2: ask with an address of the outgoing interface as
sender, never with the VIP. They must be set before the VIP is.`)
	for _, rs := range []string{"rs1", "rs2"} {
		s.Run(rs, "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2")
		s.Run(rs, "ip addr add 192.0.2.100/32 dev lo")
	}
	p := s.Predict(`The client asks who has the VIP: the director answers, and nobody else.`)
	hops := s.askForVIP()
	s.Show(hops)
	p.Check(s.repliers(hops) == "director", "answers came from: %s", s.repliers(hops))
}

// askForVIP has the client forget the VIP's MAC and ask again; it returns
// the questions and answers as the client sees them.
func (s *Stage) askForVIP() []Hop {
	s.Run("client", "ip neigh flush to 192.0.2.100")
	vip := arpFor(s.VIP)
	hops := s.watchFor(500*time.Millisecond, func(h *Hop) bool { return h.Host == "client" && vip(h) }, 10, func() {
		s.nudge(s.VIP)
	})
	// Who is first is chance, and how often the client asks too.
	slices.SortStableFunc(hops, func(a, b Hop) int { return strings.Compare(b.ARP, a.ARP) })
	return slices.CompactFunc(hops, func(a, b Hop) bool { return a.ARP == b.ARP })
}

// repliers names the hosts whose answers are among hops, by their MACs.
func (s *Stage) repliers(hops []Hop) string {
	var names []string
	for _, h := range hops {
		for _, host := range s.Hosts() {
			if h.isReply() && !h.Out && h.From == s.mac(host.Name) && !slices.Contains(names, host.Name) {
				names = append(names, host.Name)
			}
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// drRequest follows a request and its reply.
func (s *Stage) drRequest() {
	s.Part("The way of a request")
	p := s.Predict(`The packet that the director sends differs from the one it got in its MAC addresses, and in its TTL,
one less as behind any router. The answer comes from the VIP, by a server's own MAC, straight to the client: the director
never sees it.`)
	var c *Conn
	hops := s.Watch(isSYN, 6, func() { c = s.Connect() })
	s.Show(hops)
	in, out := choose(hops, at("director", false, isRequest)), choose(hops, at("director", true, isRequest))
	reply := choose(hops, func(h *Hop) bool { return h.Flags&flagACK != 0 })
	same := len(in) == 1 && len(out) == 1 && len(reply) == 2 && in[0].Src == out[0].Src && in[0].Dst == out[0].Dst && in[0].TTL == out[0].TTL+1 && out[0].From == s.mac("director") &&
		reply[0].Src == s.Service() && reply[0].From == s.mac(c.Server) && reply[1].Host == "client"
	p.Check(same, "addresses and ports are the same; the destination MAC %s became %s; the reply goes from %s to the client", s.mac("director"), s.mac(c.Server), c.Server)
	c.Close()
	p = s.Predict(`Round robin: four more requests are answered by each server twice.`)
	who := s.Requests(4)
	p.Check(tally(who) == "rs1 2, rs2 2", "%s", tally(who))
}

// stealVIP breaks it.
func (s *Stage) stealVIP() {
	s.Part("Break it: a server that talks about the VIP")
	s.Say(`rs1 is installed anew, and somebody forgets the two settings.`)
	s.Run("rs1", "sysctl -w net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.all.arp_announce=0")
	s.Run("rs1", "ip neigh flush dev eth0")
	p := s.Predict(`Requests go on as before, until rs1 has to answer a client whose MAC it does not know. It then asks
with the VIP as sender, and the client takes rs1 for the owner of the VIP.`)
	asks := s.Watch(at("rs1", true, func(h *Hop) bool { return h.ARP != "" && h.Sender == s.VIP }), 1, func() { s.hurriedRequests(2) })
	s.open++ // rs1's: its handshake has ended past the director
	s.Show(asks[:min(1, len(asks))])
	believed := s.Run("client", "ip -br neigh show 192.0.2.100")
	p.Check(len(asks) > 0 && strings.Contains(believed, s.mac("rs1").String()), "the client now has rs1's MAC for the VIP")
	s.stolen()
	s.Diagnose()
	p = s.Predict(`Asked who has the VIP, two machines now answer. Which of them a client believes is chance.`)
	hops := s.askForVIP()
	s.Show(hops)
	p.Check(s.repliers(hops) == "director, rs1", "answers came from: %s", s.repliers(hops))
	s.mendVIP()
}

// stolen shows what the theft does.
func (s *Stage) stolen() {
	s.Say(`Nothing looks wrong: every request is answered. That is what makes this fault so common.`)
	p := s.Predict(`Four requests: all are answered, all by rs1, and the director does not count a single one. There is
no load balancing any more, and when rs1 dies the service dies for this client.`)
	before := s.info().Connections // the table's: totals come a batch later
	who := s.hurriedRequests(4)
	added := s.info().Connections - before
	p.Check(tally(who) == "rs1 4" && added == 0, "%s; new connections at the director: %d", tally(who), added)
}

func (s *Stage) mendVIP() {
	s.Part("Mend it")
	s.Run("rs1", "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2")
	s.Say(`Clients and routers that have learnt the wrong MAC keep it until it ages; here we help.`)
	p := s.Predict(`The director alone answers again, and both servers serve.`)
	hops := s.askForVIP()
	who := s.Requests(4)
	p.Check(s.repliers(hops) == "director" && tally(who) == "rs1 2, rs2 2", "answers came from: %s; %s", s.repliers(hops), tally(who))
}

func markVIPOnLo(s *Stage) {
	var who []string
	service := netip.MustParseAddrPort("192.0.2.101:80")
	for range 4 {
		c := s.ConnectTo(netip.Addr{}, service)
		who = append(who, c.Server)
		c.Close()
	}
	s.Mark(tally(who) == "rs1 2, rs2 2", "four requests for %s: %s", service, tally(who))
	learnt := s.quietly("client", "ip -br neigh show 192.0.2.101")
	s.Mark(strings.Contains(learnt, s.mac("director").String()), "the client has the director's MAC for it")
	quiet := true
	for _, rs := range s.Servers {
		on := s.quietly(rs.Name, "ip -br addr show dev lo; sysctl -n net.ipv4.conf.all.arp_ignore net.ipv4.conf.all.arp_announce")
		quiet = quiet && strings.Contains(on, "192.0.2.101/32") && strings.HasSuffix(on, "1\n2\n")
	}
	s.Mark(quiet, "both servers have it on lo and keep it to themselves")
}
