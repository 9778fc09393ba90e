package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ulvs/lab"
)

// echoPort is that of a UDP service.
const echoPort = 5300

// echo starts a UDP server on a host that answers with the host's name.
func echo(t *testing.T, h *lab.Host, at netip.Addr) {
	t.Helper()
	var conn net.PacketConn
	var err error
	check(t, h.Do(func() { conn, err = net.ListenPacket("udp4", netip.AddrPortFrom(at, echoPort).String()) }))
	check(t, err)
	t.Cleanup(func() { check(t, conn.Close()) })
	go func() {
		buf := make([]byte, 2048)
		for {
			_, from, err := conn.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = conn.WriteTo([]byte(h.Name), from)
			}
		}
	}()
}

// datagramClient opens a connected UDP socket of the client's.
func (n *network) datagramClient(t *testing.T) net.Conn {
	t.Helper()
	var conn net.Conn
	var err error
	check(t, n.Client.Do(func() { conn, err = net.Dial("udp4", netip.AddrPortFrom(n.VIP, echoPort).String()) }))
	check(t, err)
	t.Cleanup(func() { check(t, conn.Close()) })
	return conn
}

// exchange sends a datagram and waits for the answer.
func exchange(conn net.Conn) (string, error) {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte("who?")); err != nil {
		return "", err
	}
	buf := make([]byte, 64)
	size, err := conn.Read(buf)
	return string(buf[:size]), err
}

// datagramRules make a service of the UDP port.
func (n *network) datagramRules() {
	n.t.Helper()
	n.ipvsadm(fmt.Sprintf("-A -u %s:%d -s rr", n.VIP, echoPort))
	for _, h := range n.Servers {
		n.ipvsadm(fmt.Sprintf("-a -u %s:%d -r %s:%d %s", n.VIP, echoPort, h.Addr(), echoPort, n.methodFlag()))
	}
}

// methodFlag is ipvsadm's option for the network's forwarding method.
func (n *network) methodFlag() string {
	return n.MethodFlags()
}

// TestUDP: datagrams of one client socket stay with one server, sockets are
// shared out.
func TestUDP(t *testing.T) {
	for _, mode := range lab.Modes() {
		t.Run(mode, func(t *testing.T) {
			n := serving(t, lab.Config{Mode: mode, Servers: 2}, "rr")
			for _, h := range n.Servers {
				at := n.VIP // an answer must come from there
				if mode == lab.NAT {
					at = h.Addr()
				}
				echo(t, h, at)
			}
			n.datagramRules()
			count := map[string]int{}
			for range 10 {
				conn := n.datagramClient(t)
				first, err := exchange(conn)
				check(t, err)
				count[first]++
				if again, err := exchange(conn); again != first || err != nil {
					t.Errorf("second answer from %s, first from %s: %v", again, first, err)
				}
			}
			if count["rs1"] != 5 || count["rs2"] != 5 {
				t.Errorf("answers %v", count)
			}
		})
	}
}

// TestNoServer: a service without a usable server refuses, by ICMP, as the
// kernel does.
func TestNoServer(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		t.Run(fmt.Sprintf("hidden=%v", hidden), func(t *testing.T) {
			n := bare(t, lab.Config{Mode: lab.NAT, Servers: 1, HiddenVIP: hidden})
			n.start()
			check(t, n.Serve())
			n.ipvsadm("-A -t " + n.Service().String())
			n.ipvsadm(fmt.Sprintf("-A -u %s:%d", n.VIP, echoPort))
			seenByClient := record(t, n.Client, "eth0", "tcp or icmp", headers)
			n.checkRefused(t)
			n.checkUnreachable(t, packets(t, seenByClient.stop(n.Client, n.Director.Addr())))
			if _, err := exchange(n.datagramClient(t)); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("UDP: %v", err)
			}
			server := fmt.Sprintf(" -t %s -r %s:80 -m ", n.Service(), n.Servers[0].Addr())
			n.ipvsadm("-a" + server + "-w 0")
			n.checkRefused(t)
			n.ipvsadm("-e" + server + "-w 1")
			n.get(t, 1, map[string]int{"rs1": 1})
			n.ipvsadm("-d" + strings.TrimSuffix(server, "-m "))
			n.checkRefused(t)
		})
	}
}

// checkRefused: curl is refused at once.
func (n *network) checkRefused(t *testing.T) {
	t.Helper()
	out, err := n.Client.Run(within(t, patience), "curl", "-sS", "--max-time", "10", n.URL())
	if exitStatus(err) != 7 || !strings.Contains(strings.ToLower(out), "refused") && !strings.Contains(out, "Couldn't connect") {
		t.Errorf("curl: %v", err)
	}
}

// checkUnreachable: the refusal was ICMP port unreachable, no reset.
func (n *network) checkUnreachable(t *testing.T, all []seen) {
	t.Helper()
	told := 0
	for i := range all {
		s := &all[i]
		switch {
		case s.icmp != nil && s.icmp.TypeCode.String() == "DestinationUnreachable(Port)":
			told++
		case s.icmp != nil, s.tcp.RST:
			t.Errorf("client has seen %v", s)
		}
	}
	if told != 1 {
		t.Errorf("%d times port unreachable, want 1", told)
	}
}

// active reads ActiveConn of each server of the HTTP service.
func (n *network) active() map[string]int {
	n.t.Helper()
	list := n.ipvsadm("-Ln -t " + n.Service().String())
	count := map[string]int{}
	for _, h := range n.Servers {
		row := regexp.MustCompile(`(?m)^  -> ` + regexp.QuoteMeta(h.Addr().String()) + `:80 +\S+ +\d+ +(\d+) +\d+ *$`).FindStringSubmatch(list)
		if row == nil {
			n.t.Fatalf("%s is not in\n%s", h.Name, list)
		}
		count[h.Name], _ = strconv.Atoi(row[1])
	}
	return count
}

// awaitActive waits until the servers have these active connections.
func (n *network) awaitActive(want string) {
	n.t.Helper()
	var got string
	if !eventually(patience, func() bool { got = fmt.Sprint(n.active()); return got == want }) {
		n.t.Errorf("active connections %s, want %s", got, want)
	}
}

// TestLeastConnections: wlc shares out what lasts by weight, and a server with
// weight 0 keeps what it has and gets nothing new.
func TestLeastConnections(t *testing.T) {
	n := serving(t, lab.Config{Mode: lab.NAT, Servers: 2}, "wlc")
	check(t, n.Serve())
	weigh := func(i, weight int) {
		n.ipvsadm(fmt.Sprintf("-e -t %s -r %s:80 -m -w %d", n.Service(), n.Servers[i].Addr(), weight))
	}
	weigh(1, 3)
	open := map[*connection]string{}
	for range 8 {
		conn, err := dial(n.Client, n.Service().String(), patience)
		check(t, err)
		defer conn.Close()
		open[conn], err = conn.ask(patience)
		check(t, err)
	}
	n.awaitActive("map[rs1:2 rs2:6]")
	weigh(1, 0)
	n.get(t, 10, map[string]int{"rs1": 10})
	for conn, server := range open {
		if name, err := conn.ask(patience); name != server || err != nil {
			t.Errorf("open connection answered by %q, was by %s: %v", name, server, err)
		}
	}
	n.awaitActive("map[rs1:2 rs2:6]")
	for conn := range open {
		check(t, conn.Close())
	}
	n.awaitActive("map[rs1:0 rs2:0]")
	weigh(0, 0)
	n.checkRefused(t)
	weigh(1, 1)
	n.get(t, 3, map[string]int{"rs2": 3})
}

// TestRunOptions: whatever the threads, rings and queues, shares are exact and
// bulk is whole.
func TestRunOptions(t *testing.T) {
	for _, options := range [][]string{
		{"--workers", "2"}, {"--workers", "4", "--capacity", "1000"}, {"--throughput"}, {"--qdisc-bypass"},
		{"--send", "xdp"}, {"--send", "packet"},
		{"--ring-slots", "64"}, {"--ring-memory", "40"}, {"-i", "eth0,eth1"},
	} {
		t.Run(strings.Join(options, " "), func(t *testing.T) {
			n := bare(t, lab.Config{Mode: lab.NAT, Servers: 3})
			n.start(options...)
			n.rules("wrr", 1, 2, 3)
			check(t, n.Serve())
			tally, err := n.Requests(within(t, patience), n.URL(), 60)
			if got := fmt.Sprint(tally.Answers); err != nil || got != "map[rs1:10 rs2:20 rs3:30]" {
				t.Errorf("answers %s, %v %s", got, err, tally.Problem)
			}
			n.ipvsadm("-C")
			w := n.mapped(t) // beside the lab's own servers
			if sum, err := n.download(t, n.URL()+smallFile); err != nil || sum != sums[smallFile] {
				t.Errorf("SHA-256 %s, want %s: %v", sum, sums[smallFile], err)
			}
			n.upload(t, w, 1)
		})
	}
}
