package lesson

import (
	"strings"

	"ulvs/lab"
)

var sourceHash = Lesson{
	Name:  "sh-sticky",
	Title: "sh: the same client, the same server, without remembering",
	Goal: `Source hashing ties a client to a server by arithmetic. You will see that it needs no memory, and what that
costs when servers come and go.`,
	Network: lab.Config{Mode: lab.DR, Servers: 3},
	Play:    playSourceHash,
	Exercise: Exercise{
		Task: `All three servers are back. Choose the scheduler by which a client keeps its server as in sh, but hardly any
client of the others moves when a server is taken out. (It will be taken out to mark you.)`,
		Host:     "director",
		Solution: []string{"ipvsadm -E -t 192.0.2.100:80 -s mh"},
		Mark: func(s *Stage) {
			from := s.sourceAddresses
			before, again := s.ask(from), s.ask(from)
			s.Mark(moved(before, again, "") == 0, "asked twice, each client gets the same server: %s", short(before))
			s.quietly("director", "ipvsadm -d -t 192.0.2.100:80 -r 192.0.2.13")
			after := s.ask(from)
			s.Mark(moved(before, after, "rs3") <= 2, "without rs3: %s; moved of the others' clients: %d", short(after), moved(before, after, "rs3"))
		},
	},
}

func playSourceHash(s *Stage) {
	s.Part("rr first")
	s.Balance("rr", 1, 1, 1)
	from := s.clients(24)
	s.sourceAddresses = from
	p := s.Predict("By rr one client that comes three times gets three servers. A shopping cart kept on one of them is gone.")
	got := short(s.Requests(3))
	p.Check(got == "3 2 1", "%s", got)
	s.Part("sh")
	s.Run("director", "ipvsadm -E -t 192.0.2.100:80 -s sh")
	p = s.Predict("Each client gets the same server both times, from whatever port it comes.")
	before, again := s.ask(from), s.ask(from)
	p.Check(moved(before, again, "") == 0, "first: %s; again: %s", short(before), short(again))
	s.Say(`The client's address is multiplied by a constant and the upper bits choose one of 256 buckets; the buckets hold
the servers round and round. Another director with the same list would choose the same: nothing has to be copied between
them. The price: shares are as even as addresses are, and 24 is few.`)
	s.Part("The catch: a server without weight")
	s.Run("director", "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.13 -g -w 0")
	p = s.Predict(`rs3 gets weight 0. Its buckets stay its own: its clients get nobody, and are refused. The clients of the
others do not notice.`)
	after := s.ask(from)
	p.Check(moved(before, after, "rs3") == 0 && strings.Contains(short(after), "-") && !strings.Contains(short(after), "3"), "%s", short(after))
	s.Run("director", "ipvsadm -E -t 192.0.2.100:80 -s sh -b sh-fallback")
	p = s.Predict("With the flag sh-fallback they get another server, and still nobody else moves.")
	after = s.ask(from)
	p.Check(moved(before, after, "rs3") == 0 && !strings.Contains(short(after), "-") && !strings.Contains(short(after), "3"), "%s", short(after))
	s.Part("The catch: a server that is deleted")
	s.Run("director", "ipvsadm -d -t 192.0.2.100:80 -r 192.0.2.13")
	p = s.Predict(`Now the list is shorter, and the buckets are filled anew. Not only rs3's clients get another server: many
of the others move too, though their servers are well.`)
	after = s.ask(from)
	p.Check(moved(before, after, "rs3") > 0, "before: %s; after: %s; moved of the others' clients: %d", short(before), short(after), moved(before, after, "rs3"))
	s.Run("director", "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.13 -g")
	s.Follow()
}

var persistence = Lesson{
	Name:  "persistence",
	Title: "Persistence: a template that remembers",
	Goal: `With -p the director remembers which server a client had. You will see the template that holds this, how it
groups clients, and why a drained server does not get empty.`,
	Network: lab.Config{Mode: lab.DR, Servers: 2},
	Play:    playPersistence,
	Exercise: Exercise{
		Task: `The customers come through proxies of one provider, from changing addresses in 192.0.2.0/24. Change the
service so that all of them get one server. (New addresses will be used to mark you; -M says how much of an address
counts.)`,
		Host:     "director",
		Solution: []string{"ipvsadm -E -t 192.0.2.100:80 -s rr -p 60 -M 255.255.255.0"},
		Mark: func(s *Stage) {
			got := s.ask(s.sourceAddresses[4:])
			s.Mark(same(got), "four new addresses: %s", short(got))
		},
	},
}

func playPersistence(s *Stage) {
	s.Part("-p 60")
	s.StartDirector()
	s.Run("director", "ipvsadm -A -t 192.0.2.100:80 -s rr -p 60")
	s.Run("director", "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.11 -g")
	s.Run("director", "ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.12 -g")
	s.Serve(httpPort)
	from := s.clients(8)
	s.sourceAddresses = from
	s.Order("2 2 2 2", "Four requests of one client: all to the server that rr had for the first, rs2.")
	s.Run("director", "ipvsadm -Lnc | grep ':0 ' | sed 's/ [0-9:]* / mm:ss /'")
	s.Say(`This is the template: client port 0, as it stands for all of the client's connections. Every new connection
starts its time anew, and it stays as long as one of them is in the table. (The time left is not shown here.)`)
	p := s.Predict("Four more clients: rr goes on, each gets the next server and keeps it.")
	first, again := s.ask(from[:4]), s.ask(from[:4])
	p.Check(short(first) == "1 2 1 2" && short(again) == short(first), "first: %s; again: %s", short(first), short(again))
	s.Part("The catch: draining a server that has templates")
	s.Run("director", "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.12 -g -w 0")
	p = s.Predict(`rs2 has weight 0. Yet its clients' new connections still go to it: the template decides before the
scheduler is asked. As long as they keep coming it never gets empty.`)
	got := s.ask(from[:4])
	p.Check(short(got) == short(first), "%s", short(got))
	s.Part("The way out")
	s.Run("director", "ulvs set expire_quiescent_template=1")
	p = s.Predict("Now a template of a server of weight 0 does not count: they get rs1, and a new template.")
	got = s.ask(from[:4])
	p.Check(short(got) == "1 1 1 1", "%s", short(got))
	s.Run("director", "ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.12 -g -w 1")
	s.Follow()
}
