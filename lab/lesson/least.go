package lesson

import "ulvs/lab"

var leastConnection = Lesson{
	Name:  "lc-slow-servers",
	Title: "lc: a slow server gets less, by itself",
	Goal: `Least connection looks at what a server has not finished yet. You will run the same work by rr and by lc over
three servers one of which is slow, and see where it heaps up.`,
	Network: lab.Config{Mode: lab.DR, Servers: 3},
	Play:    playLeastConnection,
	Exercise: Exercise{
		Task: `rs3 has been repaired, and rs1 replaced by a machine twice as strong as the others. Connections are long, and
counts shall be in proportion to strength: 4, 2, 2 of eight. Choose the scheduler and the weights.`,
		Host: "director",
		Solution: []string{
			"ipvsadm -E -t 192.0.2.100:80 -s wlc",
			"ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.11 -g -w 2",
		},
		Mark: func(s *Stage) {
			var conns []*Conn
			for range 8 {
				conns = append(conns, s.Connect())
			}
			got := tally(serversOf(conns))
			s.Mark(got == "rs1 4, rs2 2, rs3 2", "eight long connections: %s", got)
		},
	},
}

// slowness is how many arrivals a connection to rs3 outlasts.
const slowness = 9

// arrivals lets n clients come one by one. A connection to rs1 or rs2 is done
// before the next comes, one to rs3 only nine later. It returns who got each
// and the most that rs3 had at a time.
func (s *Stage) arrivals(n int) (who []string, most int) {
	var open []*Conn // at rs3
	var since []int
	for i := range n {
		for len(open) > 0 && i-since[0] >= slowness {
			open[0].Close()
			open, since = open[1:], since[1:]
		}
		c := s.Connect()
		who = append(who, c.Server)
		if c.Server == "rs3" {
			open, since = append(open, c), append(since, i)
		} else {
			c.Close()
		}
		most = max(most, len(open))
	}
	closeAll(open)
	return who, most
}

func playLeastConnection(s *Stage) {
	s.Part("rr: the slow server gets as many as the others")
	s.Balance("rr", 1, 1, 1)
	s.Say(`Clients come one after the other. rs1 and rs2 are done with each before the next one comes; rs3 is slow and
needs the time in which nine come.`)
	p := s.Predict("rr: of 18 connections each server gets six, and rs3 has three of them in hand at a time.")
	who, most := s.arrivals(18)
	p.Check(tally(who) == "rs1 6, rs2 6, rs3 6" && most == 3, "%s; at most %d at a time on rs3", tally(who), most)
	s.Part("lc: it gets what it can do")
	s.Run("director", "ipvsadm -C")
	for _, line := range s.Rules("lc", []int{1, 1, 1})[1:] {
		s.Run("director", "ipvsadm "+line)
	}
	s.Say(`lc takes the server with the least 256 * active + inactive. Active is what goes on, inactive what is over but
not yet forgotten: one that is active weighs as much as 256 that are not.`)
	p = s.Predict(`lc: the first goes to rs3, which is at the head of the list; as long as it lasts rs3 gets no other.
Then rs3 has had fewer than the others and gets the tenth. So two of 18, one at a time, and eight for each of the others.`)
	who, most = s.arrivals(18)
	s.List()
	p.Check(tally(who) == "rs1 8, rs2 8, rs3 2" && most == 1, "%s; at most %d at a time on rs3", tally(who), most)
	s.Say(`Nobody has told lc that rs3 is slow. A user of rs3 waits as long as before, but there are three times fewer of
them. The other side of it: a server that fails fast is idle all the time, and lc would send everybody there. That is what
health checks are for.`)
	s.Part("What lc does not know: how strong a server is")
	conns := s.HoldOrder("3 2 1 3 2 1", `Six connections that stay open: rs3 has the fewest finished, so it is first, then
each gets one and then each another: 3 2 1 3 2 1. Were rs1 twice as strong, it would get no more.`)
	closeAll(conns)
	s.Follow()
}

var expectedDelay = Lesson{
	Name:  "sed-nq",
	Title: "sed and nq: the idle strong server, or any idle server",
	Goal: `Where connections are few and long, the first ones matter most. You will see wlc, sed and nq choose for the
same six connections, and why each is right by its own measure.`,
	Network: lab.Config{Mode: lab.DR, Servers: 3},
	Play:    playExpectedDelay,
	Exercise: Exercise{
		Task: `The scheduler is nq. The weights are right, but it is night: never more than one connection at a time, and
you want all of it on rs3 whatever the order of the list; only when rs3 is busy may another help. Make rs1 the head of the
list (delete it and add it again, weight 1) to see the problem, then choose the scheduler.`,
		Host: "director",
		Solution: []string{
			"ipvsadm -d -t 192.0.2.100:80 -r 192.0.2.11",
			"ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.11 -g -w 1",
			"ipvsadm -E -t 192.0.2.100:80 -s sed",
		},
		Mark: func(s *Stage) {
			got := tally(s.Requests(5))
			s.Mark(got == "rs3 5", "five requests, one at a time: %s", got)
			first := s.state().Services[0].Servers[0].Addr
			s.Mark(first == s.address("rs1"), "the head of the list is %s", first)
		},
	},
}

func playExpectedDelay(s *Stage) {
	s.Part("sed: how long would the new one wait?")
	s.Balance("sed", 1, 2, 3)
	s.Say(`Weights 1, 2, 3: rs3 works three times as fast as rs1. sed, shortest expected delay, counts the connection that
it is about to place: it takes the least (active + 1) / weight.`)
	conns := s.HoldOrder("3 2 3 3 2 1", `Six connections that stay open. rs3 offers 1/3, then 2/3, then 3/3; rs2 1/2, then
2/2; rs1 1/1. In order of size, ties to the head of the list: 3 2 3 3 2 1.`)
	s.List()
	s.Say("rs1 stood idle until five were placed: on rs3 even the third gets done as soon as the first would on rs1.")
	closeAll(conns)
	s.Part("nq: never queue where somebody is idle")
	s.Run("director", "ipvsadm -E -t 192.0.2.100:80 -s nq")
	conns = s.HoldOrder("3 2 1 3 3 2", `The same six by nq: first every idle server gets one, in the order of the list; then
as sed. So 3 2 1, and then 3 3 2.`)
	closeAll(conns)
	s.Part("One at a time")
	s.Order("3 3 3 3", `Four requests by nq, each finished before the next: finished ones do not count, so all servers are
idle each time, and all go to the head of the list: rs3.`)
	s.Run("director", "ipvsadm -E -t 192.0.2.100:80 -s wlc")
	p := s.Predict(`Twelve requests by wlc, one at a time: it does count finished connections, per weight, and spreads them.
No server gets all of it.`)
	got := tally(s.Requests(12))
	p.Check(got != "rs3 12", "%s", got)
	s.Follow()
	s.Run("director", "ipvsadm -E -t 192.0.2.100:80 -s nq")
}
