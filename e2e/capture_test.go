package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"ulvs/lab"
)

// capture is a running dumpcap, tshark's part that captures. (tcpdump insists on
// becoming another user, and in an ordinary user's sandbox there is none.)
type capture struct {
	t       testing.TB
	file    string
	process *lab.Process
}

// markerPort is the UDP port to which the end of a capture is marked.
const markerPort = 9 // discard (RFC 863)

// How many bytes of a frame to capture.
const (
	headers = 100
	whole   = 2000 // of a frame that fits an Ethernet; of a super-frame it is not
)

// record starts a capture on an interface of a host, of the first bytes of
// each frame, and returns when it listens. The filter is of tcpdump's kind.
func record(t testing.TB, h *lab.Host, ifname, filter string, bytes int) *capture {
	t.Helper()
	file := filepath.Join(t.TempDir(), "capture.pcap")
	filter = fmt.Sprintf("(%s) or udp port %d", filter, markerPort)
	const bufferMiB = "64" // all that a test sends
	p, err := h.Daemon(exec.Command("dumpcap", "-i", ifname, "-f", filter, "-s", strconv.Itoa(bytes), "-B", bufferMiB, "-P", "-w", file))
	check(t, err)
	t.Cleanup(func() { check(t, p.Stop()) })
	if !eventually(patience, func() bool { return strings.Contains(p.Output(), "File: ") }) {
		t.Fatalf("dumpcap does not listen: %s", p.Output())
	}
	return &capture{t: t, file: file, process: p}
}

// stop ends the capture and returns its file, in which everything is that
// passed before this call. Host and address are of a packet by which that is
// seen: it must pass the interface, too.
func (c *capture) stop(from *lab.Host, to netip.Addr) string {
	c.t.Helper()
	marked := eventually(patience, func() bool {
		mark(c.t, from, to)
		return c.marked()
	})
	if !marked {
		c.t.Fatalf("the mark of the capture's end does not arrive: %s", c.process.Output())
	}
	check(c.t, c.process.Stop())
	if out := c.process.Output(); !lossless.MatchString(out) {
		c.t.Errorf("dumpcap has lost packets: %s", out)
	}
	return c.file
}

// lossless matches dumpcap's last line if it has lost nothing.
var lossless = regexp.MustCompile(`Packets received/dropped on interface '[^']+': \d+/0 `)

// mark sends a packet that ends a capture.
func mark(t testing.TB, from *lab.Host, to netip.Addr) {
	t.Helper()
	check(t, from.Do(func() {
		conn, err := net.Dial("udp4", netip.AddrPortFrom(to, markerPort).String())
		check(t, err)
		_, _ = conn.Write([]byte("end")) // refused, if it is not the first
		check(t, conn.Close())
	}))
}

// marked looks for the mark at the end of the file.
func (c *capture) marked() bool {
	f, err := os.Open(c.file)
	check(c.t, err)
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 4096 {
		_, _ = f.Seek(-4096, 2)
	}
	tail := make([]byte, 4096)
	n, _ := f.Read(tail)
	// The UDP header before the payload: port 9, length 8+3.
	return strings.Contains(string(tail[:n]), "\x00\x09\x00\x0b") && strings.Contains(string(tail[:n]), "end")
}

// seen is one captured packet as its reader wants it.
type seen struct {
	ip   layers.IPv4
	tcp  *layers.TCP
	icmp *layers.ICMPv4
	size int // of the frame on the wire
}

func (s *seen) String() string {
	switch {
	case s.tcp != nil:
		return fmt.Sprintf("TCP %v:%d > %v:%d id %d seq %d SYN=%v RST=%v FIN=%v", s.ip.SrcIP, s.tcp.SrcPort, s.ip.DstIP, s.tcp.DstPort,
			s.ip.Id, s.tcp.Seq, s.tcp.SYN, s.tcp.RST, s.tcp.FIN)
	case s.icmp != nil:
		return fmt.Sprintf("ICMP %v > %v %v", s.ip.SrcIP, s.ip.DstIP, s.icmp.TypeCode)
	}
	return fmt.Sprintf("%v > %v protocol %v", s.ip.SrcIP, s.ip.DstIP, s.ip.Protocol)
}

// packets reads the IPv4 packets of a capture up to the mark.
func packets(t testing.TB, file string) (all []seen) {
	t.Helper()
	f, err := os.Open(file)
	check(t, err)
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	check(t, err)
	for {
		data, info, err := r.ReadPacketData()
		check(t, err) // there is a mark before the end
		p := gopacket.NewPacket(data, r.LinkType(), gopacket.Default)
		ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		if !ok {
			continue
		}
		if udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP); ok && udp.DstPort == markerPort && ip.Protocol == layers.IPProtocolUDP {
			return all
		}
		s := seen{ip: *ip, size: info.Length}
		s.tcp, _ = p.Layer(layers.LayerTypeTCP).(*layers.TCP)
		s.icmp, _ = p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		all = append(all, s)
	}
}

// tshark reads a capture with the checksums looked at, and returns for each
// packet the values of the fields, in columns. Several values of one field are
// joined by commas.
func (n *network) tshark(file, filter string, fields ...string) (rows [][]string) {
	n.t.Helper()
	args := []string{"-r", file, "-n", "-Y", filter, "-T", "fields", "-E", "occurrence=a",
		"-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	var out, complaints strings.Builder
	cmd := exec.CommandContext(within(n.t, 4*patience), "tshark", args...)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		n.t.Fatalf("tshark: %v: %s", err, complaints.String())
	}
	for line := range strings.Lines(out.String()) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return rows
}
