package lesson

import (
	"fmt"
	"net/netip"

	"ulvs/control/api"
	"ulvs/lab"
)

var destinationCaches = Lesson{
	Name:  "dh-lblc-caches",
	Title: "dh and lblc: caches that shall not all hold the same",
	Goal: `In front of caches it matters what is asked for, not who asks. You will balance a whole network of
destinations over three caches, by a hash and by memory, and take one cache out.`,
	Network: lab.Config{Mode: lab.DR, Servers: 3},
	Play:    playDestinationCaches,
	Exercise: Exercise{
		Task: `The scheduler is dh again, all caches are back. Choose the one with which only the destinations of a cache
that is taken out move.`,
		Host:     "director",
		Solution: []string{"ipvsadm -E -f 1 -s lblc"},
		Mark: func(s *Stage) {
			before := s.fetch(sites(12))
			s.quietly("director", "ipvsadm -d -f 1 -r 192.0.2.13")
			after := s.fetch(sites(12))
			s.Mark(moved(before, after, "rs3") == 0, "before: %s; without rs3: %s", short(before), short(after))
		},
	},
}

// site is destination n of those beyond the caches.
func site(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), httpPort)
}

// sites are the first n.
func sites(n int) (all []netip.AddrPort) {
	for i := range n {
		all = append(all, site(i+1))
	}
	return all
}

// fetch makes one request for each and returns who has answered.
func (s *Stage) fetch(all []netip.AddrPort) (servers []string) {
	for _, dst := range all {
		c := s.ConnectTo(netip.Addr{}, dst)
		servers = append(servers, c.Server)
		c.Close()
	}
	return servers
}

// caches builds a transparent cache cluster: packets for a whole network come
// to the director, and the servers take them for their own.
func (s *Stage) caches(scheduler string, weight int) {
	s.Say(`The servers are caches for the sites in 203.0.113.0/24. A client's packets for any of them come to the
director, which marks them 1; the service is "whatever has mark 1". Each cache takes the whole network for its own, so that
it can answer in the site's name.`)
	s.Run("client", "ip route add 203.0.113.0/24 via 192.0.2.2")
	for _, rs := range s.Servers {
		s.Run(rs.Name, "ip route add local 203.0.113.0/24 dev lo")
	}
	s.StartDirector()
	s.Run("director", "ulvs mark add -p tcp -d 203.0.113.0/24 --dport 80 1")
	s.Run("director", "ipvsadm -A -f 1 -s "+scheduler)
	for _, rs := range s.Servers {
		s.Run("director", fmt.Sprintf("ipvsadm -a -f 1 -r %s -g -w %d", rs.Addr(), weight))
	}
	s.Serve(httpPort)
}

func playDestinationCaches(s *Stage) {
	s.Part("A network of destinations")
	s.caches("rr", 10)
	p := s.Predict(`By rr a site that is asked for three times is fetched by all three caches: each has to get it from far
away, and all three hold it.`)
	got := short(s.fetch([]netip.AddrPort{site(1), site(1), site(1)}))
	p.Check(got == "3 2 1", "%s", got)
	s.Part("dh: by arithmetic")
	s.Run("director", "ipvsadm -E -f 1 -s dh")
	p = s.Predict("By dh each of twelve sites gets the same cache both times.")
	before, again := s.fetch(sites(12)), s.fetch(sites(12))
	p.Check(moved(before, again, "") == 0, "first: %s; again: %s", short(before), short(again))
	s.Run("director", "ipvsadm -d -f 1 -r 192.0.2.13")
	p = s.Predict(`rs3 is taken out. The hash counts servers, so sites of the other two move too, and must be fetched anew by
a cache that never had them.`)
	after := s.fetch(sites(12))
	p.Check(moved(before, after, "rs3") > 0, "%s; moved of the others' sites: %d", short(after), moved(before, after, "rs3"))
	s.Run("director", "ipvsadm -a -f 1 -r 192.0.2.13 -g -w 10")
	s.lblc()
	s.followTo(site(1))
	s.Run("director", "ipvsadm -E -f 1 -s dh")
}

// lblc is the same by memory.
func (s *Stage) lblc() {
	s.Part("lblc: by memory")
	s.evenOut()
	s.Run("director", "ipvsadm -E -f 1 -s lblc")
	s.Say(`lblc remembers the cache of each site. One that it does not know it gives to the least loaded, as wlc.`)
	p := s.Predict("Each site gets the same cache both times, and the sites are shared out evenly: four for each.")
	before, again := s.fetch(sites(12)), s.fetch(sites(12))
	p.Check(moved(before, again, "") == 0 && tally(before) == "rs1 4, rs2 4, rs3 4", "first: %s; again: %s", short(before), short(again))
	s.Run("director", "ipvsadm -d -f 1 -r 192.0.2.13")
	p = s.Predict("rs3 is taken out: its sites move, and no other.")
	after := s.fetch(sites(12))
	p.Check(moved(before, after, "rs3") == 0 && moved(before, after, "") > 0, "%s; moved of the others' sites: %d", short(after), moved(before, after, "rs3"))
	s.Run("director", "ipvsadm -a -f 1 -r 192.0.2.13 -g -w 10")
}

var hotDestination = Lesson{
	Name:  "lblcr-hot-destination",
	Title: "lblcr: when everybody wants the same",
	Goal: `One site is suddenly asked for by everybody. You will see what lblc does with it, and how lblcr lets several
caches hold it, no more than needed.`,
	Network: lab.Config{Mode: lab.DR, Servers: 3},
	Play:    playHotDestination,
	Exercise: Exercise{
		Task: `The scheduler is lblc again. Nine connections for 203.0.113.9 will be opened and closed, and six more made
one after the other: these shall be shared by all three caches.`,
		Host:     "director",
		Solution: []string{"ipvsadm -E -f 1 -s lblcr"},
		Mark: func(s *Stage) {
			closeAll(s.hold(site(9), 9))
			got := tally(s.fetch([]netip.AddrPort{site(9), site(9), site(9), site(9), site(9), site(9)}))
			s.Mark(got == "rs1 2, rs2 2, rs3 2", "six requests for the hot site: %s", got)
		},
	},
}

// hold opens n connections to a site.
func (s *Stage) hold(dst netip.AddrPort, n int) (conns []*Conn) {
	for range n {
		conns = append(conns, s.ConnectTo(netip.Addr{}, dst))
	}
	return conns
}

func playHotDestination(s *Stage) {
	s.Part("lblc: the whole crowd moves")
	s.caches("lblc", 2)
	s.Say(`Weights are limits here. A cache is overloaded when it has more active connections than its weight, while another
has less than half of its own.`)
	p := s.Predict(`Nine connections for one site that stay open. rs3 gets the first three: with 3 it is over its weight of
2, and the others are idle. So the site moves to rs2, after three more to rs1.`)
	conns := s.hold(site(1), 9)
	p.Check(short(serversOf(conns)) == "3 3 3 2 2 2 1 1 1", "%s", short(serversOf(conns)))
	closeAll(conns)
	six := []netip.AddrPort{site(1), site(1), site(1), site(1), site(1), site(1)}
	p = s.Predict(`The crowd has gone; six requests follow, one at a time. lblc remembers one cache, the last: all go to rs1.
That rs2 and rs3 hold the site as well is forgotten.`)
	got := short(s.fetch(six))
	p.Check(got == "1 1 1 1 1 1", "%s", got)
	s.Part("lblcr: a set for each site")
	s.evenOut()
	s.Run("director", "ipvsadm -E -f 1 -s lblcr")
	p = s.Predict(`Another site, by lblcr. While rs3 is overloaded the set of the site grows by one, then by another: the same
3 3 3 2 2 2 1 1 1, since all caches have had as much before.`)
	conns = s.hold(site(2), 9)
	p.Check(short(serversOf(conns)) == "3 3 3 2 2 2 1 1 1", "%s", short(serversOf(conns)))
	closeAll(conns)
	p = s.Predict(`Six requests afterwards, one at a time: any cache of the set may answer, the least loaded first. Two for
each.`)
	got = tally(s.fetch([]netip.AddrPort{site(2), site(2), site(2), site(2), site(2), site(2)}))
	p.Check(got == "rs1 2, rs2 2, rs3 2", "%s", got)
	p = s.Predict("A site that nobody storms keeps to one cache: six requests for a third, all answered by one.")
	names := s.fetch([]netip.AddrPort{site(3), site(3), site(3), site(3), site(3), site(3)})
	p.Check(same(names), "%s", tally(names))
	s.Say(`A set that has not grown for a day (lblcr_expiration) loses its most loaded member: copies of what nobody asks
for any more go away by themselves.`)
	s.followTo(site(3))
	s.evenOut()
	s.Run("director", "ipvsadm -E -f 1 -s lblc")
}

// evenOut makes requests by wlc until every cache has finished as many: what
// was before shall not decide what comes.
func (s *Stage) evenOut() {
	s.quietly("director", "ipvsadm -E -f 1 -s wlc")
	for !even(s.state().Services[0].Servers) {
		s.fetch([]netip.AddrPort{site(250)})
	}
}

// even reports whether all servers have the same number of finished
// connections.
func even(servers []api.ServerState) bool {
	for _, r := range servers {
		if r.Inactive != servers[0].Inactive {
			return false
		}
	}
	return true
}
