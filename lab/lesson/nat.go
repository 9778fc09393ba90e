package lesson

import (
	"net/netip"
	"time"

	"ulvs/lab"
)

var natGateway = Lesson{
	Name:  "nat-gateway",
	Title: "NAT, and why the director must be the servers' gateway",
	Goal: `In NAT the director rewrites addresses in both directions. You will see the four forms of a packet on its
way, and what a client gets when the reply takes another way than through the director.`,
	Network: lab.Config{Mode: lab.NAT, Servers: 2, Bypass: true},
	Finding: "nat-return-bypasses-director",
	Play:    playNATGateway,
	Exercise: Exercise{
		Task: `While you were reading somebody has worked on one of the servers: half of the requests are lost again, and
this time no reply comes to the client at all. Find out what is wrong and put it right.`,
		Host:     "director",
		Solution: []string{"rs2 ip route show", "rs2 ip route add default via 192.0.2.1"},
		Mark: func(s *Stage) {
			who := s.Requests(4)
			s.Mark(tally(who) == "rs1 2, rs2 2", "four requests: %s", tally(who))
		},
	},
}

func playNATGateway(s *Stage) {
	s.Part("The director between two networks")
	s.Say(`The client and the VIP are in the outer network, the servers in the inner one. The director has a leg in
both, and the servers send everything that is not for their own network to it. It need not forward packets itself:
ip_forward is off. There is a second router between the networks, which nobody uses yet.`)
	s.StartDirector()
	s.Run("director", "sysctl net.ipv4.ip_forward")
	s.Run("director", "ipvsadm -A -t 198.51.100.100:80 -s rr")
	s.Run("director", "ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.11:80 -m")
	s.Run("director", "ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.12:80 -m")
	s.Run("rs1", "ip route show")
	s.Serve(httpPort)
	s.natRequest()
	s.bypass()
	s.quietly("rs2", "ip route del default")
}

// natRequest follows a request and its reply.
func (s *Stage) natRequest() {
	s.Part("Both ways through the director")
	p := s.Predict(`Inbound the director changes the destination, VIP to server, and leaves the client's address as it
is: the server sees who asks. Outbound it changes the source, server to VIP: the client never learns of the server.`)
	var c *Conn
	hops := s.Watch(isSYN, 8, func() { c = s.Connect() })
	s.Show(hops)
	in, out := choose(hops, at("director", true, isRequest)), choose(hops, at("client", false, isSYN))
	ok := len(hops) == 8 && in[0].Dst.Addr() == s.address(c.Server) && in[0].Src.Addr() == s.address("client") &&
		len(out) == 1 && out[0].Src == s.Service() && out[0].From == s.mac("director")
	p.Check(ok, "%s became %s, and the reply from it became one from %s again", s.Service(), in[0].Dst, s.Service())
	c.Close()
	p = s.Predict("Four more requests: two for each server.")
	who := s.Requests(4)
	p.Check(tally(who) == "rs1 2, rs2 2", "%s", tally(who))
}

// bypass breaks it.
func (s *Stage) bypass() {
	s.Part("Break it: a reply that bypasses the director")
	s.Say(`The second router is newer and faster, and somebody makes it rs1's gateway.`)
	for _, rs := range s.Servers { // a SYN+ACK repeated later would muddle the picture
		s.quietly(rs.Name, "sysctl -w net.ipv4.tcp_synack_retries=0")
	}
	s.Run("rs1", "ip route replace default via 192.0.2.254")
	p := s.Predict(`rs1 gets the SYN as before. Its SYN+ACK goes by the router, and nobody rewrites it: it comes to the
client from 192.0.2.11, with which the client has no connection. The client refuses it with RST, and its own SYN stays
without an answer.`)
	failed := 0
	reset := at("client", true, func(h *Hop) bool { return h.Flags&flagRST != 0 })
	hops := s.watchFor(time.Second, func(h *Hop) bool { return isSYN(h) || reset(h) }, 9, func() {
		if _, err := s.Try(netip.Addr{}, s.Service(), 400*time.Millisecond); err != nil {
			failed++
		}
	})
	s.open++ // half-open
	s.Show(hops)
	p.Check(failed == 1 && len(choose(hops, reset)) == 1 && len(choose(hops, at("router", true, isSYN))) == 1,
		"the reply came by the router, from %s; the client refused it and its connection failed", s.address("rs1"))
	p = s.Predict(`The next request is for rs2 and works: to a user the service is "sometimes slow".`)
	c := s.Connect()
	p.Check(c.Server == "rs2", "%s answered", c.Server)
	c.Close()
	s.Diagnose()
	s.Part("Mend it")
	s.Run("rs1", "ip route replace default via 192.0.2.1")
	p = s.Predict("Four requests: two for each server.")
	who := s.Requests(4)
	p.Check(tally(who) == "rs1 2, rs2 2", "%s", tally(who))
}
