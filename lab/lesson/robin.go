package lesson

import (
	"net/netip"
	"strings"
	"time"

	"ulvs/lab"
)

var roundRobin = Lesson{
	Name:  "rr",
	Title: "rr: each in turn, whatever they have to do",
	Goal: `Round robin is fair to servers by the number of connections they get. You will see that this is exact, and
why it is not the same as fair by work.`,
	Network: lab.Config{Mode: lab.DR, Servers: 3},
	Play:    playRoundRobin,
	Exercise: Exercise{
		Task: `Choose a scheduler that would have prevented the heap, without touching servers or weights. The connections
that are open stay open; the next six, all long, shall leave rs3 alone.`,
		Host:     "director",
		Solution: []string{"ipvsadm -E -t 192.0.2.100:80 -s lc"},
		Mark: func(s *Stage) {
			var conns []*Conn
			for range 6 {
				conns = append(conns, s.Connect())
			}
			got := tally(serversOf(conns))
			s.Mark(got == "rs1 3, rs2 3", "six long connections: %s", got)
		},
	},
}

func playRoundRobin(s *Stage) {
	s.Part("In turn")
	s.Balance("rr", 1, 1, 1)
	s.List()
	s.Say(`ip_vs puts a new server at the head of its list, and so does ulvs: the table above shows the last one first.`)
	s.Order("3 2 1 3 2 1", "Six requests, one after the other: rs 3 2 1 3 2 1.")
	s.Order("3 2 1 3 2 1", "It remembers only where it is. Six more: 3 2 1 3 2 1 again.")
	s.Part("Weights do not count")
	s.Run("director", "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.12 -g -w 10")
	s.Order("3 2 1 3 2 1", "rs2 has weight 10 now. Six requests: 3 2 1 3 2 1, since rr does not look at weights (but for 0, which means none).")
	s.Part("The catch: work that comes in step with the turn")
	s.Say(`Now every third connection is a long one: a download, a websocket. The others end at once. Nothing in the
protocol hinders clients from coming like this.`)
	p := s.Predict(`Twelve connections, the first and then every third a long one: each server gets four, and the four
long ones are all on rs3.`)
	var all, long []string
	for i := range 12 {
		c := s.Connect()
		all = append(all, c.Server)
		if i%3 == 0 {
			long = append(long, c.Server)
		} else {
			c.Close()
		}
	}
	s.List()
	p.Check(tally(all) == "rs1 4, rs2 4, rs3 4" && tally(long) == "rs3 4", "all: %s; long ones: %s", tally(all), tally(long))
	s.Say(`By its own measure rr is perfectly fair here. Look at ActiveConn for what it does not measure.`)
	s.Follow()
}

var weightedRoundRobin = Lesson{
	Name:  "wrr",
	Title: "wrr: shares by weight, exact and interleaved",
	Goal: `Weighted round robin gives each server its share of the connections. You will see its pattern, why it begins
differently, and what a change of weight does.`,
	Network: lab.Config{Mode: lab.DR, Servers: 3},
	Play:    playWeightedRoundRobin,
	Exercise: Exercise{
		Task: `rs1 has got a new machine and shall do half of the work; rs2 and rs3 shall share the rest evenly. Change the
weights.`,
		Host: "director",
		Solution: []string{
			"ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.11 -g -w 2",
			"ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.12 -g -w 1",
			"ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.13 -g -w 1",
		},
		Mark: func(s *Stage) {
			s.Requests(12) // a change begins in the middle of a round
			got := tally(s.Requests(40))
			s.Mark(got == "rs1 20, rs2 10, rs3 10", "40 requests: %s", got)
		},
	},
}

func playWeightedRoundRobin(s *Stage) {
	s.Part("Weights 1, 2, 3")
	s.Balance("wrr", 1, 2, 3)
	s.Say(`Think of a water level that falls: the list is walked again and again, and each server taken whose weight
reaches the level. At the top only the heaviest are, at the bottom all. The service was made empty, where the only level
is 0: its first walk takes everybody once.`)
	s.Order("3 2 1", "Three requests: rs 3 2 1, the first walk.")
	s.Order("3 3 2 3 2 1", "Six more: level 3 takes rs3; level 2 takes rs3 and rs2; level 1 takes all. So 3 3 2 3 2 1.")
	s.Order("3 3 2 3 2 1", "And over again: 3 3 2 3 2 1.")
	p := s.Predict("Sixty requests: exactly 10, 20 and 30.")
	got := tally(s.Requests(60))
	p.Check(got == "rs1 10, rs2 20, rs3 30", "%s", got)
	s.Part("Only ratios count")
	for i, line := range []string{"10", "20", "30"} {
		s.Run("director", "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.1"+string(rune('1'+i))+" -g -w "+line)
	}
	s.Requests(6)
	p = s.Predict(`The weights are 10, 20, 30. After a round to settle, six requests are 1, 2 and 3 again: the level falls
by the greatest common divisor, not by one.`)
	got = tally(s.Requests(6))
	p.Check(got == "rs1 1, rs2 2, rs3 3", "%s", got)
	s.Part("What wrr does not see")
	p = s.Predict(`Twelve connections that stay open: 2, 4 and 6. wrr would go on so even if rs3 had not finished anything for
an hour.`)
	var conns []*Conn
	for range 12 {
		conns = append(conns, s.Connect())
	}
	got = tally(serversOf(conns))
	s.List()
	p.Check(got == "rs1 2, rs2 4, rs3 6", "%s", got)
	closeAll(conns)
	s.Follow()
}

var weightsAndDraining = Lesson{
	Name:  "weights-and-draining",
	Title: "Weight 0: taking a server out without hurting anybody",
	Goal: `Servers are taken out for maintenance every day. You will see the difference between weight 0 and deleting a
server, from the side of a client who is in the middle of something.`,
	Network: lab.Config{Mode: lab.DR, Servers: 2},
	Finding: "service-weights-all-zero",
	Play:    playDraining,
	Exercise: Exercise{
		Task: `There is an open connection to each server. Drain rs2: no new connection to it, the old one unharmed. rs1
shall do the work.`,
		Host: "director",
		Solution: []string{
			"ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.12 -g -w 0",
			"ipvsadm -Ln",
		},
		Mark: func(s *Stage) {
			got := tally(s.Requests(4))
			s.Mark(got == "rs1 4", "four requests: %s", got)
			arrived := drained.upload(1000, patience)
			s.Mark(arrived == 1000, "1000 bytes on the old connection to rs2: %d arrived", arrived)
		},
	},
}

// drained is the connection to rs2 that the exercise is about.
var drained *Conn

func playDraining(s *Stage) {
	s.Part("Two servers, a connection to each")
	s.Balance("rr", 1, 1)
	conns := []*Conn{s.Connect(), s.Connect()}
	s.List()
	s.Part("Weight 0")
	s.Run("director", "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.11 -g -w 0")
	s.Order("2 2 2 2", "Four new requests: all to rs2.")
	p := s.Predict("The open connection to rs1 goes on: 1000 bytes sent on it all arrive.")
	one := conns[1]
	arrived := one.upload(1000, patience)
	p.Check(one.Server == "rs1" && arrived == 1000, "%d arrived at %s", arrived, one.Server)
	p = s.Predict("When the client closes it, ActiveConn of rs1 falls to 0. Then, and not before, it is safe to switch rs1 off.")
	one.Close()
	s.List()
	st := s.state().Services[0].Servers
	p.Check(st[1].Active == 0 && st[0].Active == 1, "active connections: rs1 %d, rs2 %d", st[1].Active, st[0].Active)
	s.Run("director", "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.11 -g -w 1")
	s.deleted(conns[0])
}

// drainAll breaks it.
func (s *Stage) drainAll() {
	s.Part("Break it: drain the last one too")
	s.Say("Two people do maintenance in one night, one on each server.")
	s.Run("director", "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.11 -g -w 0")
	s.Run("director", "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.12 -g -w 0")
	p := s.Predict("Nobody is left to take a new connection: the client is refused at once.")
	_, err := s.Try(netip.Addr{}, s.Service(), patience)
	p.Check(refused(err), "connection refused")
	s.Diagnose()
	s.Part("Mend it")
	s.Run("director", "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.11 -g -w 1")
	s.Run("director", "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.12 -g -w 1")
}

// deleted shows what deleting does: the server of an open connection is deleted.
func (s *Stage) deleted(c *Conn) {
	s.Part("The catch: delete instead of drain")
	s.Run("director", "ipvsadm -d -t 192.0.2.100:80 -r 192.0.2.12")
	p := s.Predict(`The connection to rs2 is known, but its server is gone from the table: its packets are dropped without
a word. The client is left hanging.`)
	_, err := c.Write(make([]byte, 1000))
	s.must(err)
	hops := s.watchFor(500*time.Millisecond, func(h *Hop) bool { return h.Host == "rs2" && !h.Out && h.Len > 1000 }, 1, func() {})
	s.Show(hops)
	p.Check(len(hops) == 0, "nothing of it comes to rs2")
	s.Run("director", "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.12 -g")
	p = s.Predict(`The same server is added again. A connection is tied to its server by address: it goes on, and TCP sends
again what was lost.`)
	arrived := c.upload(1000, patience)
	p.Check(arrived == 2000, "%d bytes arrived, those from before and 1000 more", arrived)
	c.Close()
	s.drainAll()
	one, two := s.Connect(), s.Connect()
	s.Follow()
	if drained = one; strings.HasSuffix(two.Server, "2") {
		drained = two
	}
}
