package lesson

import (
	"net/netip"
	"time"

	"ulvs/lab"
)

var tutorialDR = Lesson{
	Name:  "tutorial-dr",
	Title: "The classic: direct routing with the VIP on lo:0",
	Goal: `You type what the guides have typed for twenty years, ifconfig, route and all, and see it work. The lesson
dr-vip-on-lo explains each part of it.`,
	Network: lab.Config{Mode: lab.DR, Servers: 2, Bare: true, HiddenVIP: true},
	Finding: "server-not-on-link",
	Play:    playTutorialDR,
	Exercise: Exercise{
		Task: `The third server is still in the table. Take it out, and let rs2 have three times as many connections as
rs1.`,
		Host: "director",
		Solution: []string{
			"ipvsadm -d -t 192.0.2.100:80 -r 192.0.2.13",
			"ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.12 -g -w 3",
			"ipvsadm -L -n",
		},
		Mark: func(s *Stage) {
			s.open = 0 // the half-open one went with its server
			s.Requests(4)
			got := tally(s.Requests(8))
			s.Mark(got == "rs1 2, rs2 6", "eight requests: %s", got)
		},
	},
}

func playTutorialDR(s *Stage) {
	s.Part("The real servers")
	s.Say("The VIP goes on an alias of lo, and ARP is told to keep quiet about it. The same on both servers.")
	for _, rs := range []string{"rs1", "rs2"} {
		s.Run(rs, "echo 1 > /proc/sys/net/ipv4/conf/lo/arp_ignore")
		s.Run(rs, "echo 2 > /proc/sys/net/ipv4/conf/lo/arp_announce")
		s.Run(rs, "echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore")
		s.Run(rs, "echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce")
		s.Run(rs, "ifconfig lo:0 192.0.2.100 broadcast 192.0.2.100 netmask 255.255.255.255 up")
		s.Run(rs, "route add -host 192.0.2.100 dev lo:0")
	}
	s.Serve(httpPort)
	s.Part("The director")
	s.Say(`The VIP is an alias of its interface; here it may answer ARP. The first ipvsadm command that changes something
starts the daemon.`)
	s.Run("director", "ifconfig eth0:0 192.0.2.100 broadcast 192.0.2.100 netmask 255.255.255.255 up")
	s.Run("director", "route add -host 192.0.2.100 dev eth0:0")
	s.Run("director", "echo 1 > /proc/sys/net/ipv4/ip_forward")
	s.Run("director", "ipvsadm -C")
	s.Run("director", "ipvsadm -A -t 192.0.2.100:80 -s wrr")
	s.Run("director", "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.11 -g -w 1")
	s.Run("director", "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.12 -g -w 1")
	s.Run("director", "ipvsadm -L -n")
	s.Part("It works")
	p := s.Predict(`The SYN passes the director, the SYN+ACK does not; both servers answer in turn.`)
	var c *Conn
	hops := s.Watch(isSYN, 6, func() { c = s.Connect() })
	s.Show(hops)
	c.Close()
	got := short(s.Requests(4))
	p.Check(len(hops) == 6 && len(choose(hops, func(h *Hop) bool { return h.Host == "director" && h.Flags&flagACK != 0 })) == 0 && got == "1 2 1 2",
		"after %s the next four: rs %s", c.Server, got)
	s.Run("director", "ipvsadm -L -n")
	s.noSuchServer()
}

// noSuchServer breaks it as the guides show it.
func (s *Stage) noSuchServer() {
	s.Part("Break it: a server that is not there")
	s.Say("A third server is entered before anybody has plugged it in.")
	s.Run("director", "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.13 -g -w 1")
	p := s.Predict(`Whoever is sent to it waits in vain: the director asks who has 192.0.2.13, and nobody answers. In tcpdump
this is the picture of most DR questions in forums.`)
	asked := arpFor(netip.MustParseAddr("192.0.2.13"))
	failed := 0
	hops := s.watchFor(500*time.Millisecond, func(h *Hop) bool { return h.Host == "director" && asked(h) }, 5, func() {
		if _, err := s.Try(netip.Addr{}, s.Service(), 400*time.Millisecond); err != nil {
			failed++
		}
	})
	s.Show(hops)
	p.Check(failed == 1 && len(hops) == 1 && hops[0].Out, "asked, not answered; the connection failed")
	s.open++ // half-open
	s.Diagnose()
}
