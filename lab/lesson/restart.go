package lesson

import (
	"net/netip"
	"time"

	"ulvs/lab"
)

var directorRestart = Lesson{
	Name:  "director-restart",
	Title: "What a restart of the director does to connections",
	Goal: `The table of connections is in the director's memory. You will restart it under open connections and see which
of them live, and how a scheduler that needs no memory and one setting can save them.`,
	Network: lab.Config{Mode: lab.DR, Servers: 3},
	Finding: "daemon-not-running",
	Play:    playDirectorRestart,
	Exercise: Exercise{
		Task: `The director has just been started again, with an empty table, and a client has still an open connection from
before; the service was by mh. Bring the service back, and let the old connection live. (Ask quickly: TCP is patient, but
not for ever.)`,
		Host: "director",
		Solution: []string{
			"ulvs set sloppy_tcp=1",
			"ipvsadm -R < rules",
			"ipvsadm -Ln",
		},
		Mark: func(s *Stage) {
			arrived := survivor.upload(1000, patience)
			s.Mark(arrived == 1000, "1000 bytes on the old connection: %d arrived", arrived)
			s.Mark(tally(s.hurriedRequests(2)) == survivor.Server+" 2", "two new requests of the same client go to the same server")
		},
	},
}

// survivor is the connection that the exercise is about.
var survivor *Conn

// restart ends the director and starts it anew, empty.
func (s *Stage) restart() {
	s.Say("The daemon gets SIGTERM, as from a service manager, and is started again.")
	s.must(s.process.Stop())
	s.api, s.open = nil, 0
	s.StartDirector()
}

func playDirectorRestart(s *Stage) {
	s.Part("An open connection")
	s.Balance("wlc", 1, 1, 1)
	s.Run("director", "ipvsadm -S -n > rules")
	c := s.Connect()
	c.rest()
	s.List()
	s.Part("The catch: a restart")
	s.restart()
	s.Run("director", "ipvsadm -R < rules")
	p := s.Predict(`The rules are back, the connection is not: the table is empty. What the client sends is not a SYN, so it
begins no connection, and the director drops it. The client waits.`)
	_, err := c.Write(make([]byte, 1000))
	s.must(err)
	hops := s.watchFor(400*time.Millisecond, func(h *Hop) bool { return h.Len > 1000 && h.Host != "client" }, 1000, func() {})
	s.Show(hops)
	p.Check(len(choose(hops, func(h *Hop) bool { return h.Host == "director" && !h.Out })) == 1 && len(hops) == 1,
		"the data comes to the director and goes no further")
	_ = c.SetLinger(0)
	_ = c.TCPConn.Close()
	p = s.Predict("New connections are served at once.")
	got := short(s.Requests(3))
	p.Check(got == "3 2 1", "rs %s", got)
	s.survive()
}

// survive is how a connection can live on.
func (s *Stage) survive() {
	s.Part("The way out: mh and sloppy_tcp")
	s.Say(`Two things are missing: somebody who lets a connection begin in the middle, and a way to find the same server
again. sloppy_tcp=1 is the first. mh is the second: it computes the server from the client's address, and the result does
not depend on what was before.`)
	s.Run("director", "ipvsadm -E -t 192.0.2.100:80 -s mh")
	s.Run("director", "ipvsadm -S -n > rules")
	c := s.Connect()
	c.rest()
	s.restart()
	s.Run("director", "ulvs set sloppy_tcp=1")
	s.Run("director", "ipvsadm -R < rules")
	p := s.Predict("The same restart; now the data of the open connection comes to its server, and is counted there.")
	arrived := c.upload(1000, patience)
	p.Check(arrived == 1000, "1000 bytes sent, %d arrived at %s", arrived, c.Server)
	_ = c.TCPConn.Close()
	s.Say(`In direct routing and tunnelling this is all it takes, since the director keeps nothing else of a connection. In
NAT the server would be found again too, but only by a packet of the client. With wlc the new choice would likely be another
server, which answers an unknown connection with RST.`)
	s.Part("Break it: nobody starts it again")
	s.Say("Once more the daemon is stopped.")
	s.must(s.process.Stop())
	s.process, s.api = nil, nil
	p = s.Predict(`The VIP is an address of the director's own interface. With the daemon gone its guard is gone too, the host's
own stack answers for the VIP again, and refuses.`)
	_, err := s.Try(netip.Addr{}, s.Service(), patience)
	p.Check(refused(err), "connection refused")
	s.Diagnose()
	s.Part("Mend it")
	s.StartDirector()
	s.quietly("director", "ipvsadm -R < rules")
	survivor = s.Connect()
	survivor.rest()
	s.must(s.process.Stop())
	s.api, s.open = nil, 0
	_, err = s.Lab.StartDirector(s.ctx)
	s.must(err)
}
