package e2e

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"ulvs/lab"
)

// secondClient gives the client another address and returns it.
func (n *network) secondClient(t *testing.T) netip.Addr {
	t.Helper()
	b := n.Client.Addr().As4()
	b[3] += 100
	second := netip.AddrFrom4(b)
	n.run(n.Client, "ip", "addr", "add", second.String()+"/24", "dev", "eth0")
	return second
}

// asked returns the names of the servers that answer requests from one of the
// client's addresses.
func (n *network) asked(t *testing.T, from netip.Addr, urls ...string) map[string]int {
	t.Helper()
	out, err := n.curl(n.Client, append([]string{"--interface", from.String()}, urls...)...)
	if err != nil {
		t.Errorf("requests from %s: %v", from, err)
	}
	return names(out)
}

// TestMarks types what a guide has one type for a firewall-mark service: two
// ports of a VIP are one persistent service, so that each client has one server
// for both; nothing else of the VIP is taken.
func TestMarks(t *testing.T) {
	for _, c := range []lab.Config{
		{Mode: lab.NAT, Servers: 2, Forward: true}, {Mode: lab.NAT, Servers: 2, HiddenVIP: true},
		{Mode: lab.DR, Servers: 2, HiddenVIP: true}, {Mode: lab.TUN, Servers: 2},
	} {
		t.Run(c.String(), func(t *testing.T) {
			n := bare(t, c)
			if c.Mode == lab.TUN {
				check(t, n.Decap())
			}
			check(t, n.Serve())
			for _, h := range n.Servers {
				check(t, h.Serve(":443"))
			}
			s := n.login(t)
			s.does(fmt.Sprintf("ulvs mark iptables -t mangle -A PREROUTING -d %s -p tcp -m multiport --dports 80,443 -j MARK --set-mark 1", n.VIP))
			s.does("ipvsadm -A -f 1 -s rr -p 600")
			for _, h := range n.Servers {
				s.does(fmt.Sprintf("ipvsadm -a -f 1 -r %s %s", h.Addr(), n.methodFlag()))
			}
			n.checkMarked(t, s)
			if !c.HiddenVIP {
				n.checkHostKeeps(t)
			}
		})
	}
}

// checkMarked checks that each of two clients has a server of its own for both
// ports, and that rules that are loaded anew change nothing.
func (n *network) checkMarked(t *testing.T, s *shell) {
	t.Helper()
	web, tls := n.URL(), fmt.Sprintf("http://%s:443/", n.VIP)
	first, second := n.Client.Addr(), n.secondClient(t)
	for round := range 2 {
		for _, tt := range []struct {
			from netip.Addr
			want string
		}{{first, "map[rs2:4]"}, {second, "map[rs1:4]"}} {
			if got := fmt.Sprint(n.asked(t, tt.from, web, tls, web, tls)); got != tt.want {
				t.Errorf("round %d: %s was answered by %s, want %s", round, tt.from, got, tt.want)
			}
		}
		saved := s.does("ulvs mark save")
		s.does("ulvs mark save > rules && ulvs mark flush && ulvs mark load -f rules")
		if again := s.does("ulvs mark save"); again != saved || strings.Count(saved, "\n") != 2 {
			t.Errorf("saved\n%s, after load\n%s", saved, again)
		}
	}
	list := s.does("ipvsadm -Lcn")
	for _, a := range []netip.Addr{first, second} {
		row := regexp.MustCompile(`(?m)^IP  \d\d:\d\d  (ASSURED|NONE) +` + regexp.QuoteMeta(a.String()) + `:0 +0\.0\.0\.1:0 `)
		if len(row.FindAllString(list, -1)) != 1 {
			t.Errorf("no template of %s in\n%s", a, list)
		}
	}
}

// checkHostKeeps: another port of the VIP is still the host's.
func (n *network) checkHostKeeps(t *testing.T) {
	t.Helper()
	check(t, n.Director.Serve(":8080"))
	if got := n.asked(t, n.Client.Addr(), fmt.Sprintf("http://%s:8080/", n.VIP)); got[n.Director.Name] != 1 {
		t.Errorf("port 8080 was answered by %v", got)
	}
}

// TestMarkErrors: what a person types wrong is answered in one line that names
// it, and changes nothing.
func TestMarkErrors(t *testing.T) {
	n := bare(t, lab.Config{Mode: lab.NAT, Servers: 1})
	s := n.login(t)
	s.does("ulvs mark add -p tcp -d 198.51.100.100 --dport 80 7")
	s.refused("ulvs mark add --dport 80 1", `ulvs: destination ports "80": accepted: only with a protocol: -p tcp, udp or sctp`, 2)
	s.refused("ulvs mark insert 3 1", "ulvs: mark insert: 3: there are 1 rules, insert takes 1 to 2", 2)
	s.refused("ulvs mark del 2", "ulvs: mark del: there is no rule 2, there are 1", 1)
	s.refused("ulvs mark del 8 -p udp", "ulvs: delete mark rule -p udp 8: no such mark rule", 1)
	s.refused("printf '# web\\n\\n1 2\\n' | ulvs mark load -f -", `ulvs: mark load: -:3: word "2": accepted: options and one mark`, 2)
	s.refused("ulvs mark iptables -t nat -F", `ulvs: iptables: -t "nat": accepted: mangle`, 2)
	if got := s.does("ulvs mark list"); got != "  1  -p tcp -d 198.51.100.100 --dport 80 7  # there is no service -f 7\n" {
		t.Errorf("rules are\n%s", got)
	}
}

// TestMarksIPv6: two ports of an IPv6 VIP are one persistent service of its
// mark, by ip6tables' words; an IPv4 service of the same mark is another.
func TestMarksIPv6(t *testing.T) {
	if noIPv6(t) {
		return
	}
	for _, mode := range []string{lab.NAT, lab.DR} {
		t.Run(mode, func(t *testing.T) {
			n := bare(t, lab.Config{Mode: mode, Servers: 2})
			n.addresses6(t)
			for _, h := range n.Servers {
				check(t, h.Serve("[::]:80"))
				check(t, h.Serve("[::]:443"))
			}
			s := n.login(t)
			s.does("ulvs mark ip6tables -t mangle -A PREROUTING -d " + vip6 + " -p tcp -m multiport --dports 80,443 -j MARK --set-mark 1")
			s.does("ipvsadm -A -f 1 -s rr && ipvsadm -A -f 1 -6 -s rr -p 600")
			for i := range n.Servers {
				s.does(fmt.Sprintf("ipvsadm -a -f 1 -6 -r [%s]:0 %s", n.server6(i), n.methodFlag()))
			}
			web, tls := "http://["+vip6+"]/", "http://["+vip6+"]:443/"
			out, err := n.curl(n.Client, "-6", "-g", web, tls, web, tls)
			if got := names(out); err != nil || len(got) != 1 || got["rs1"]+got["rs2"] != 4 {
				t.Errorf("one client was answered by %v, %v", got, err)
			}
			if list := s.does("ipvsadm -Lcn"); !strings.Contains(list, client6) || strings.Count(list, "ESTABLISHED")+strings.Count(list, "FIN_WAIT")+strings.Count(list, "TIME_WAIT") < 2 {
				t.Errorf("connections are\n%s", list)
			}
		})
	}
}
