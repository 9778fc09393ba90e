package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ulvs/lab"
)

// TestNodeExporter: Debian's prometheus-node-exporter, with its /proc in the
// folder that the daemon keeps, shows all eight metrics of ip_vs with the
// values that the traffic makes.
func TestNodeExporter(t *testing.T) {
	n := bare(t, lab.Config{Mode: lab.NAT, Servers: 2, Forward: true})
	proc := filepath.Join(t.TempDir(), "proc")
	n.start("--proc-dir", proc)
	check(t, n.Serve())
	n.rules("rr", 1, 7)
	n.exporter(t, proc)
	m := &metrics{n: n, t: t, want: map[string]string{}}
	m.total(0, 0, 0, 0, 0)
	m.server("TCP", 80, "rs1", 1, 0, 0)
	m.server("TCP", 80, "rs2", 7, 0, 0)
	m.await()

	n.ipvsadm(fmt.Sprintf("-A -u %s:5353 -s rr", n.VIP))
	for _, h := range n.Servers {
		n.ipvsadm(fmt.Sprintf("-a -u %s:5353 -r %s:5353 -m -w 3", n.VIP, h.Addr()))
		n.echo(t, h, ":5353", 60)
	}
	for i := range 10 {
		n.datagram(t, 20000+i, 100)
	}
	m.total(10, 10, 10, 10*(28+100), 10*(28+60))
	m.server("UDP", 5353, "rs1", 3, 0, 5)
	m.server("UDP", 5353, "rs2", 3, 0, 5)
	m.await()

	conn, err := dial(n.Client, n.Service().String(), patience)
	check(t, err)
	defer conn.Close()
	name, err := conn.ask(patience)
	check(t, err)
	weight := map[string]int{"rs1": 1, "rs2": 7}[name]
	m.server("TCP", 80, name, weight, 1, 0)
	m.want["node_ipvs_connections_total"] = "11"
	for _, counted := range []string{"incoming_packets", "outgoing_packets", "incoming_bytes", "outgoing_bytes"} {
		delete(m.want, "node_ipvs_"+counted+"_total") // TCP's own affair
	}
	m.await()
	n.clean(t)

	n.leaves(t, proc)
}

// leaves ends the daemon: its files go with it.
func (n *network) leaves(t *testing.T, proc string) {
	t.Helper()
	check(t, n.daemon.Stop())
	if left, err := os.ReadDir(proc); err != nil || len(left) != 0 {
		t.Errorf("left in %s: %v, %v", proc, left, err)
	}
}

// exporter starts the exporter on the director.
func (n *network) exporter(t *testing.T, proc string) {
	t.Helper()
	n.daemonOn(t, n.Director, exec.Command("prometheus-node-exporter", "--path.procfs="+proc,
		"--collector.disable-defaults", "--collector.ipvs", "--web.disable-exporter-metrics",
		"--web.listen-address=127.0.0.1:9100"), "127.0.0.1:9100")
}

// echo answers datagrams at addr of a host with so many of their bytes.
func (n *network) echo(t *testing.T, h *lab.Host, addr string, bytes int) {
	t.Helper()
	var conn net.PacketConn
	var err error
	check(t, h.Do(func() { conn, err = net.ListenPacket("udp4", addr) }))
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			got, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(buf[:min(bytes, got)], from)
		}
	}()
}

// datagram sends one from a port, and waits for the answer. Left to the kernel,
// one of ten may be from a port that an earlier one was from.
func (n *network) datagram(t *testing.T, port, bytes int) {
	t.Helper()
	var conn net.Conn
	var err error
	from := net.Dialer{LocalAddr: &net.UDPAddr{Port: port}}
	check(t, n.Client.Do(func() { conn, err = from.Dial("udp4", net.JoinHostPort(n.VIP.String(), "5353")) }))
	check(t, err)
	defer conn.Close()
	check(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = conn.Write(make([]byte, bytes))
	check(t, err)
	_, err = conn.Read(make([]byte, 1500))
	check(t, err)
}

// metrics are what the exporter is to show.
type metrics struct {
	n    *network
	t    *testing.T
	want map[string]string
}

// total sets the five sums over all services.
func (m *metrics) total(conns, inPackets, outPackets, inBytes, outBytes int) {
	for name, value := range map[string]int{
		"connections": conns, "incoming_packets": inPackets, "outgoing_packets": outPackets,
		"incoming_bytes": inBytes, "outgoing_bytes": outBytes,
	} {
		m.want["node_ipvs_"+name+"_total"] = fmt.Sprint(value)
	}
}

// server sets the three numbers of a real server.
func (m *metrics) server(proto string, port int, name string, weight, active, inactive int) {
	i := slices.IndexFunc(m.n.Servers, func(h *lab.Host) bool { return h.Name == name })
	labels := fmt.Sprintf(`{local_address="%s",local_mark="",local_port="%d",proto="%s",remote_address="%s",remote_port="%d"}`,
		m.n.VIP, port, proto, m.n.Servers[i].Addr(), port)
	for what, value := range map[string]int{"weight": weight, "connections_active": active, "connections_inactive": inactive} {
		m.want["node_ipvs_backend_"+what+labels] = fmt.Sprint(value)
	}
}

// await waits until the exporter shows these values: its files are some
// seconds old. All it shows of ip_vs is of the eight metrics.
func (m *metrics) await() {
	m.t.Helper()
	var wrong []string
	if !eventually(patience, func() bool {
		wrong = m.wrong(m.n.run(m.n.Director, "curl", "-sS", "--fail", "http://127.0.0.1:9100/metrics"))
		return len(wrong) == 0
	}) {
		m.t.Errorf("exporter: %s", strings.Join(wrong, "\n"))
	}
}

// wrong compares a page of metrics with what is wanted.
func (m *metrics) wrong(page string) (out []string) {
	got, names := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(page) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, "node_ipvs_") {
			got[name] = value
			name, _, _ = strings.Cut(name, "{")
			names[name] = true
		}
	}
	if len(names) != 8 {
		out = append(out, fmt.Sprintf("%d metrics: %v", len(names), names))
	}
	for name, value := range m.want {
		if got[name] != value {
			out = append(out, fmt.Sprintf("%s is %q, want %s", name, got[name], value))
		}
	}
	return out
}
