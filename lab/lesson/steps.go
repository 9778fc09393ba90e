package lesson

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// What several lessons do.

// Balance starts the director and types the rules of the guides for all
// servers, with a weight for each; the servers serve.
func (s *Stage) Balance(scheduler string, weights ...int) {
	s.StartDirector()
	for _, line := range s.Rules(scheduler, weights)[1:] { // without -C
		s.Run("director", "ipvsadm "+line)
	}
	s.Serve(httpPort)
}

// Order predicts who answers a number of requests, each finished before the
// next, and checks it.
func (s *Stage) Order(want, text string) {
	p := s.Predict(text)
	got := short(s.Requests(len(strings.Fields(want))))
	p.Check(got == want, "answered by rs %s", got)
}

// HoldOrder is Order with connections that stay open; they are returned.
func (s *Stage) HoldOrder(want, text string) []*Conn {
	p := s.Predict(text)
	var conns []*Conn
	for range strings.Fields(want) {
		conns = append(conns, s.Connect())
	}
	got := short(serversOf(conns))
	p.Check(got == want, "answered by rs %s", got)
	return conns
}

// short leaves the rs off names and joins them.
func short(names []string) string {
	return strings.ReplaceAll(strings.Join(names, " "), "rs", "")
}

func serversOf(conns []*Conn) (names []string) {
	for _, c := range conns {
		names = append(names, c.Server)
	}
	return names
}

// closeAll ends connections.
func closeAll(conns []*Conn) {
	for _, c := range conns {
		c.Close()
	}
}

// Follow shows one request at every place that it passes, where a lesson is
// about choosing and not about packets.
func (s *Stage) Follow() { s.followTo(s.Service()) }

// followTo is Follow for a request to dst.
func (s *Stage) followTo(dst netip.AddrPort) {
	s.Part("On the wire")
	p := s.Predict(`Choosing is all that a scheduler does. Nothing of it is in the packets: a request goes by the director to
one server, and the reply straight back, as in any direct routing.`)
	var c *Conn
	hops := s.Watch(isSYN, 6, func() { c = s.ConnectTo(netip.Addr{}, dst) })
	s.Show(hops)
	seen := ""
	for _, h := range hops {
		seen += h.Host + " "
	}
	p.Check(seen == fmt.Sprintf("client director director %s %s client ", c.Server, c.Server), "it was %s's turn", c.Server)
	c.Close()
}

// List shows the director's table.
func (s *Stage) List() { s.Run("director", "ipvsadm -Ln") }

// clients gives the client n more addresses, from 192.0.2.21, and returns
// them.
func (s *Stage) clients(n int) (all []netip.Addr) {
	first, last := netip.MustParseAddr("192.0.2.21"), netip.Addr{}
	for a := first; len(all) < n; a = a.Next() {
		s.quietly("client", fmt.Sprintf("ip addr add %s/32 dev eth0", a))
		all, last = append(all, a), a
	}
	s.Say(fmt.Sprintf("The client gets %d more addresses, %s to %s, so that it can be %d clients.", n, first, last, n))
	return all
}

// ask makes one request from each address and returns who has answered, "-"
// where nobody did.
func (s *Stage) ask(from []netip.Addr) (servers []string) {
	for _, a := range from {
		c, err := s.Try(a, s.Service(), patience)
		if err != nil {
			servers = append(servers, "-")
			continue
		}
		servers = append(servers, c.Server)
		_ = c.TCPConn.Close()
	}
	s.settle()
	return servers
}

// same reports whether all names are one.
func same(names []string) bool { return len(slices.Compact(slices.Clone(names))) == 1 }

// moved counts the clients whose server has changed, of those for whom it was
// not the one named except.
func moved(before, after []string, except string) (n int) {
	for i := range before {
		if before[i] != except && before[i] != after[i] {
			n++
		}
	}
	return n
}
