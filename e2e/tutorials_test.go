package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"ulvs/lab"
)

// The tests here type what the LVS guides have one type, letter for letter but
// for the addresses, and nothing before. The texts are those that ipvsadm 1.31
// has printed on a kernel with ip_vs.

const emptyTable = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
`

// typist builds a network with servers and nothing on the director.
func typist(t *testing.T, mode string) (*network, *shell) {
	t.Helper()
	n := bare(t, lab.Config{Mode: mode, Servers: 2, Forward: true})
	if mode == lab.TUN {
		check(t, n.Decap())
	}
	check(t, n.Serve())
	return n, n.login(t)
}

// get makes requests and checks the servers that answer.
func (n *network) get(t *testing.T, requests int, want map[string]int) {
	t.Helper()
	out, err := n.curl(n.Client, repeat(n.URL(), requests)...)
	got := names(out)
	if err != nil || len(got) != len(want) || got["rs1"] != want["rs1"] || got["rs2"] != want["rs2"] {
		t.Errorf("answers %v, want %v: %v", got, want, err)
	}
}

func TestTutorialDR(t *testing.T) {
	n, s := typist(t, lab.DR)
	s.session("$ ipvsadm -L -n\n" + emptyTable)
	if pid := s.daemon(); pid != 0 {
		t.Errorf("looking has started daemon %d", pid)
	}
	s.session(`
$ ipvsadm -C
$ ipvsadm -A -t 192.0.2.100:80 -s wrr
$ ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.11 -g -w 1
$ ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.12 -g -w 3
$ ipvsadm -L -n
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.100:80 wrr
  -> 192.0.2.11:80                Route   1      0          0         
  -> 192.0.2.12:80                Route   3      0          0         
`)
	n.get(t, 10, map[string]int{"rs1": 3, "rs2": 7}) // the first pass takes each server once
	s.session(`
$ ipvsadm -Ln
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.100:80 wrr
  -> 192.0.2.11:80                Route   1      0          3         
  -> 192.0.2.12:80                Route   3      0          7         
`)
	s.stops(n)
}

// stops ends the auto-started daemon and looks for what it has left.
func (s *shell) stops(n *network) {
	s.t.Helper()
	st, running := s.status()
	if !running {
		s.t.Fatal("no daemon")
	}
	s.end(st.PID)
	if pid := s.daemon(); pid != 0 {
		s.t.Errorf("daemon %d after the end", pid)
	}
	if tables := n.run(s.h, "nft", "list", "tables"); tables != "" {
		s.t.Errorf("nftables left: %s", tables)
	}
	if _, err := os.Lstat(st.Socket); !errors.Is(err, fs.ErrNotExist) {
		s.t.Errorf("socket left: %v", err)
	}
	if rings := s.does("tail -n +2 /proc/net/packet"); rings != "" {
		s.t.Errorf("packet sockets left: %s", rings)
	}
	s.session("$ ipvsadm -L -n\n" + emptyTable)
}

func TestTutorialNAT(t *testing.T) {
	n, s := typist(t, lab.NAT)
	s.session(`
$ ipvsadm -C
$ ipvsadm -A -t 198.51.100.100:80 -s rr
$ ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.11:80 -m -w 1
$ ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.12:80 -m -w 1
$ ipvsadm
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  198.51.100.100:http rr
  -> 192.0.2.11:http              Masq    1      0          0         
  -> 192.0.2.12:http              Masq    1      0          0         
`)
	n.get(t, 4, map[string]int{"rs1": 2, "rs2": 2})
	s.session(`
$ ipvsadm -d -t 198.51.100.100:80 -r 192.0.2.11:80
$ ipvsadm -ln
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  198.51.100.100:80 rr
  -> 192.0.2.12:80                Masq    1      0          2         
`)
	n.get(t, 3, map[string]int{"rs2": 3})
	s.session(`
$ ipvsadm -D -t 198.51.100.100:80
$ ipvsadm -ln
` + emptyTable)
	out, err := n.Client.Run(within(t, patience), "curl", "-sS", n.URL())
	if exitStatus(err) != 7 && !strings.Contains(out, "refused") { // by the director's own stack, which has the VIP
		t.Errorf("a request after the service is gone: %v", err)
	}
	s.stops(n)
}

func TestTutorialNATPersistent(t *testing.T) {
	n, s := typist(t, lab.NAT)
	s.session(`
$ ipvsadm -C
$ ipvsadm -A -t 198.51.100.100:80 -s rr -p 60
$ ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.11:80 -m -w 1
$ ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.12:80 -m -w 1
$ ipvsadm -ln
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  198.51.100.100:80 rr persistent 60
  -> 192.0.2.11:80                Masq    1      0          0         
  -> 192.0.2.12:80                Masq    1      0          0         
`)
	n.get(t, 5, map[string]int{"rs2": 5}) // the first choice of rr is the server added last
	var list string
	if !eventually(patience, func() bool { list = s.does("ipvsadm -Lcn"); return n.listed(list, 5) }) {
		t.Errorf("connections:\n%s", list)
	}
	s.stops(n)
}

// listed reports whether list is that of the client's connections, all
// finished, and its template.
func (n *network) listed(list string, connections int) bool {
	lines := strings.Split(strings.TrimSuffix(list, "\n"), "\n")
	if len(lines) != 2+connections+1 || lines[0] != "IPVS connection entries" ||
		lines[1] != "pro expire state       source             virtual            destination" {
		return false
	}
	finished := regexp.MustCompile(`^TCP 0[0-2]:\d\d  (FIN_WAIT |TIME_WAIT|CLOSE    )   198\.51\.100\.10:\d{4,5} +198\.51\.100\.100:80  192\.0\.2\.12:80$`)
	template := regexp.MustCompile(`^TCP 0[01]:\d\d  (NONE    |ASSURED )    198\.51\.100\.10:0    198\.51\.100\.100:80  192\.0\.2\.12:80$`)
	templates := 0
	for _, line := range lines[2:] {
		if template.MatchString(line) {
			templates++
		} else if !finished.MatchString(line) {
			return false
		}
	}
	return templates == 1
}

func TestTutorialTUN(t *testing.T) {
	n, s := typist(t, lab.TUN)
	s.session(`
$ ipvsadm -C
$ ipvsadm -A -t 198.51.100.100:80 -s rr
$ ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.11 -i
$ ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.12 -i
$ ipvsadm -L -n
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  198.51.100.100:80 rr
  -> 192.0.2.11:80                Tunnel  1      0          0         
  -> 192.0.2.12:80                Tunnel  1      0          0         
`)
	n.get(t, 6, map[string]int{"rs1": 3, "rs2": 3})
	s.stops(n)
}

func TestSaveAndRestore(t *testing.T) {
	n, s := typist(t, lab.NAT)
	const table = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  198.51.100.100:80 wrr persistent 60
  -> 192.0.2.11:80                Masq    1      0          0         
  -> 192.0.2.12:80                Masq    2      0          0         
UDP  198.51.100.100:53 wlc
  -> 192.0.2.11:53                Masq    1      0          0         
`
	const saved = `-A -t 198.51.100.100:80 -s wrr -p 60
-a -t 198.51.100.100:80 -r 192.0.2.11:80 -m -w 1
-a -t 198.51.100.100:80 -r 192.0.2.12:80 -m -w 2
-A -u 198.51.100.100:53 -s wlc
-a -u 198.51.100.100:53 -r 192.0.2.11:53 -m -w 1
`
	s.session(`
$ ipvsadm -A -t 198.51.100.100:80 -s wrr -p 60
$ ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.11:80 -m -w 1
$ ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.12:80 -m -w 2
$ ipvsadm -A -u 198.51.100.100:53 -s wlc
$ ipvsadm -a -u 198.51.100.100:53 -r 192.0.2.11:53 -m
$ ipvsadm -S -n
` + saved)
	s.session("$ ipvsadm -S > names; ipvsadm --save > long; ipvsadm-save > script; ipvsadm-save -n > numeric\n" +
		"$ cmp names long; cmp names script; head -n 2 names; cat numeric\n" +
		"-A -t 198.51.100.100:http -s wrr -p 60\n-a -t 198.51.100.100:http -r 192.0.2.11:http -m -w 1\n" + saved)
	for _, restore := range []string{"ipvsadm -R < names", "ipvsadm --restore < long", "cat numeric | ipvsadm -R"} {
		s.session("$ ipvsadm -C\n$ ipvsadm -Ln\n" + emptyTable + "$ " + restore + "\n$ ipvsadm -Ln\n" + table)
	}
	s.session("$ ipvsadm -A -t 198.51.100.100:81\n$ ipvsadm-restore < script\n$ ipvsadm -Ln\n" + table) // clears first
	n.get(t, 3, map[string]int{"rs2": 3})
	s.end(s.daemon())
	s.session("$ ipvsadm-restore < numeric\n$ ipvsadm -Ln\n" + table) // starts a daemon anew
	s.stops(n)
}

func TestStatsRatesTimeouts(t *testing.T) {
	n, s := typist(t, lab.NAT)
	s.session(`
$ ipvsadm -A -t 198.51.100.100:80 -s rr
$ ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.11:80 -m
$ ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.12:80 -m
$ ipvsadm -L --timeout
Timeout (tcp tcpfin udp): 900 120 300
$ ipvsadm --set 100 50 30
$ ipvsadm -Ln --timeout
Timeout (tcp tcpfin udp): 100 50 30
$ ipvsadm --set 0 0 99
$ ipvsadm -L --timeout
Timeout (tcp tcpfin udp): 100 50 99
`)
	n.get(t, 6, map[string]int{"rs1": 3, "rs2": 3})
	s.checkStats(6, 3)
	n.get(t, 994, map[string]int{"rs1": 497, "rs2": 497})
	// The estimator looks every two seconds: it sees all that has been sent.
	if !eventually(patience, func() bool { return s.columns("--rate")[0][0] != "0" }) {
		t.Errorf("no rate is shown:\n%s", s.does("ipvsadm -Ln --rate"))
	}
	cleared := func() bool { // the last packets may come after the command
		s.does("ipvsadm -Z")
		return strings.Join(s.columns("--stats")[0], " ") == "0 0 0 0 0"
	}
	if !eventually(patience, cleared) {
		t.Errorf("after -Z:\n%s", s.does("ipvsadm -Ln --stats"))
	}
	s.stops(n)
}

// checkStats: the service and its servers have had these connections, with at
// least as many packets as TCP needs.
func (s *shell) checkStats(service, server int) {
	s.t.Helper()
	rows := s.columns("--stats")
	for i, want := range []int{service, server, server} {
		var got [5]int
		for c := range got {
			if _, err := fmt.Sscan(rows[i][c], &got[c]); err != nil {
				s.t.Errorf("row %v: %v", rows[i], err)
			}
		}
		if got[0] != want || got[1] < 4*want || got[2] < 3*want || got[3] < 40*got[1] || got[4] < 40*got[2] {
			s.t.Errorf("row %d of --stats: %v, want %d connections", i, got, want)
		}
	}
}

// columns returns the numbers of --stats or --rate for the service and its
// servers, whose columns are as wide as recorded.
func (s *shell) columns(option string) (rows [][]string) {
	s.t.Helper()
	heads := map[string]string{
		"--stats": "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes",
		"--rate":  "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS",
	}
	lines := strings.Split(s.does("ipvsadm -Ln "+option), "\n")
	if len(lines) != 7 || lines[0] != "IP Virtual Server version 1.2.1 (size=4096)" || lines[1] != heads[option] || lines[2] != "  -> RemoteAddress:Port" {
		s.t.Fatalf("ipvsadm -Ln %s prints\n%s", option, strings.Join(lines, "\n"))
	}
	for i, name := range []string{"TCP  198.51.100.100:80", "  -> 192.0.2.11:80", "  -> 192.0.2.12:80"} {
		line := lines[3+i]
		if len(line) != len(heads[option]) || !strings.HasPrefix(line, name+" ") {
			s.t.Fatalf("%s prints %q under\n%q", option, line, heads[option])
		}
		rows = append(rows, strings.Fields(line[33:]))
	}
	return rows
}
