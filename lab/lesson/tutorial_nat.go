package lesson

import (
	"net/netip"

	"ulvs/lab"
)

var tutorialNAT = Lesson{
	Name:  "tutorial-nat",
	Title: "The classic: NAT with two networks",
	Goal: `The other set-up of every guide: the director has an outer and an inner interface and is the servers' gateway.
You type it, list it, and take it down again.`,
	Network: lab.Config{Mode: lab.NAT, Servers: 2, HiddenVIP: true},
	Finding: "service-without-servers",
	Play:    playTutorialNAT,
	Exercise: Exercise{
		Task: `Set it up once more: the same service by rr, both servers at port 80 by NAT, so that a client keeps its
server for five minutes.`,
		Host: "director",
		Solution: []string{
			"ipvsadm -A -t 198.51.100.100:80 -s rr -p 300",
			"ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.11:80 -m",
			"ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.12:80 -m",
		},
		Mark: func(s *Stage) {
			got := s.Requests(4)
			s.Mark(same(got), "four requests: %s", tally(got))
			v := s.state().Services[0]
			s.Mark(v.Persistent.Seconds() == 300 && len(v.Servers) == 2, "%d servers, persistent for %.0f seconds", len(v.Servers), v.Persistent.Seconds())
		},
	},
}

func playTutorialNAT(s *Stage) {
	s.Part("The director")
	s.Say(`eth0 is outside, eth1 inside, and the VIP an alias of eth0. The guides turn ip_forward on, because ip_vs needs
it; ulvs does not, and it does no harm.`)
	s.Run("director", "echo 1 > /proc/sys/net/ipv4/ip_forward")
	s.Run("director", "ifconfig eth0:0 198.51.100.100 netmask 255.255.255.255 up")
	s.Run("director", "ipvsadm -C")
	s.Run("director", "ipvsadm -A -t 198.51.100.100:80 -s rr")
	s.Run("director", "ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.11:80 -m -w 1")
	s.Run("director", "ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.12:80 -m -w 1")
	s.Run("director", "ipvsadm")
	s.Run("director", "ipvsadm -ln")
	s.Say(`Masq, masquerading, is ipvsadm's word for NAT. On the servers the director's inner address is the default
gateway:`)
	s.Run("rs1", "route -n")
	s.Serve(httpPort)
	s.Part("It works")
	p := s.Predict("Both directions pass the director: in at one interface and out at the other, twice.")
	var c *Conn
	hops := s.Watch(isSYN, 8, func() { c = s.Connect() })
	s.Show(hops)
	p.Check(len(choose(hops, func(h *Hop) bool { return h.Host == "director" })) == 4, "four times at the director")
	c.Close()
	s.Order("1 2 1 2", "Reload the page four times, without keep-alive: the servers alternate.")
	s.Part("With -p")
	s.Run("director", "ipvsadm -E -t 198.51.100.100:80 -s rr -p 60")
	p = s.Predict("Persistent for 60 seconds: four reloads by one client are answered by one server.")
	got := s.Requests(4)
	p.Check(same(got), "%s", tally(got))
	s.Part("Break it: no servers")
	s.Run("director", "ipvsadm -d -t 198.51.100.100:80 -r 192.0.2.11:80")
	s.Run("director", "ipvsadm -d -t 198.51.100.100:80 -r 192.0.2.12:80")
	p = s.Predict("The service is still there, with nobody in it. The director refuses in its name, at once.")
	_, err := s.Try(netip.Addr{}, s.Service(), patience)
	p.Check(refused(err), "connection refused")
	s.Diagnose()
	s.Part("Taking it down")
	s.Run("director", "ipvsadm -D -t 198.51.100.100:80")
	s.Run("director", "ipvsadm -ln")
	p = s.Predict("The VIP is the director's own again, and nothing listens there: the client is refused at once.")
	_, err = s.Try(netip.Addr{}, s.Service(), patience)
	p.Check(refused(err), "connection refused")
}
