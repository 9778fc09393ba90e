package lesson

import (
	"net/netip"

	"ulvs/lab"
)

var portMapping = Lesson{
	Name:  "port-mapping",
	Title: "Port mapping: one port outside, others inside",
	Goal: `NAT rewrites ports as well as addresses. You will see a service at port 80 that is served at ports 8080 and
8081, and why the other methods cannot do that.`,
	Network: lab.Config{Mode: lab.NAT, Servers: 2},
	Finding: "server-refuses",
	Play:    playPortMapping,
	Exercise: Exercise{
		Task: `The VIP's port 443 shall be served by rs2 alone, at its port 8081, and port 80 go on as it is.`,
		Host: "director",
		Solution: []string{
			"ipvsadm -A -t 198.51.100.100:443 -s rr",
			"ipvsadm -a -t 198.51.100.100:443 -r 192.0.2.12:8081 -m",
		},
		Mark: func(s *Stage) {
			var who []string
			secure := netip.AddrPortFrom(s.VIP, 443)
			for range 3 {
				c := s.ConnectTo(netip.Addr{}, secure)
				who = append(who, c.Server)
				c.Close()
			}
			s.Mark(tally(who) == "rs2 3", "three requests for %s: %s", secure, tally(who))
			got := tally(s.Requests(4))
			s.Mark(got == "rs1 2, rs2 2", "four for port 80: %s", got)
		},
	},
}

func playPortMapping(s *Stage) {
	s.Part("Servers that are no root")
	s.Say(`Ports below 1024 are for root. On rs1 and rs2 the web server is an ordinary user's and listens at 8080 and 8081;
clients shall use port 80 all the same.`)
	s.serveAt("rs1", 8080)
	s.serveAt("rs2", 8081)
	s.StartDirector()
	s.Run("director", "ipvsadm -A -t 198.51.100.100:80 -s rr")
	s.Run("director", "ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.11:8080 -m")
	s.Run("director", "ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.12:8081 -m")
	s.List()
	p := s.Predict(`The first connection goes to rs2. Inbound the director changes VIP to server and 80 to 8081, outbound
8081 back to 80.`)
	var c *Conn
	hops := s.Watch(isSYN, 8, func() { c = s.Connect() })
	s.Show(hops)
	in, back := choose(hops, at("rs2", false, isSYN)), choose(hops, at("client", false, isSYN))
	p.Check(len(in) == 1 && len(back) == 1 && in[0].Dst.Port() == 8081 && back[0].Src.Port() == httpPort,
		"%s asked for port 80, and got its answer from there", s.address("client"))
	c.Close()
	s.Order("1 2 1 2", "Four more requests: 1 2 1 2.")
	s.wrongPort()
	s.Part("Why not by direct routing")
	s.Run("director", "ipvsadm -A -t 198.51.100.100:81 -s rr")
	s.Run("director", "ipvsadm -a -t 198.51.100.100:81 -r 192.0.2.11:8080 -g")
	p = s.Predict(`ipvsadm does not complain, but it does not do what was asked: in direct routing nobody rewrites the
packet, so the server gets it for the port that the client has chosen. The table shows 81.`)
	s.List()
	servers := s.state().Services[1].Servers
	p.Check(servers[0].Port == 81, "the server's port in the table is %d", servers[0].Port)
	s.Run("director", "ipvsadm -D -t 198.51.100.100:81")
}

// wrongPort breaks it.
func (s *Stage) wrongPort() {
	s.Part("Break it: the wrong port")
	s.Say("Somebody believes that all servers listen at 8080.")
	s.Run("director", "ipvsadm -d -t 198.51.100.100:80 -r 192.0.2.12:8081")
	s.Run("director", "ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.12:8080 -m")
	p := s.Predict(`rs2 is at the head of the list again and gets the next client. Nothing listens at its port 8080: it
refuses with RST, and the director makes the refusal come from the VIP's port 80. The client blames the service.`)
	var err error
	reset := func(h *Hop) bool { return h.Flags&flagRST != 0 }
	hops := s.Watch(reset, 4, func() {
		_, err = s.Try(netip.Addr{}, s.Service(), patience)
	})
	s.Show(hops)
	p.Check(refused(err) && len(hops) == 4 && hops[3].Src == s.Service(), "refused by %s", s.Service())
	s.Diagnose()
	s.Part("Mend it")
	s.Run("director", "ipvsadm -d -t 198.51.100.100:80 -r 192.0.2.12:8080")
	s.Run("director", "ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.12:8081 -m")
}
