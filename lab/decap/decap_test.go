package decap

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ulvs/internal/netns"
	"ulvs/internal/testns"
)

func TestMain(m *testing.M) { os.Exit(testns.Main(m)) }

// pair is a director, which is the client too, and a real server.
func pair(t *testing.T) (dir, server *testns.NS) {
	t.Helper()
	dir, server = testns.New(t), testns.New(t)
	testns.Veth(t, dir, "eth0", server, "eth0")
	dir.Addr("eth0", director.String()+"/24")
	dir.Addr("eth0", clientIP.String()+"/32")
	server.Addr("eth0", rip.String()+"/24")
	dir.Up("eth0")
	server.Up("eth0")
	dir.Route("default", rip.String())
	return dir, server
}

// open opens a tunnel end in the server and runs it for the time of the test.
func open(t *testing.T, server *testns.NS, o Options) *Decap {
	t.Helper()
	o.Directors, o.VIPs = []netip.Addr{director}, []netip.Addr{vip}
	var d *Decap
	var err error
	server.Do(func() { d, err = Open(o) })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return d
}

// echo answers every datagram to the VIP's port 9 in the server.
func echo(t *testing.T, server *testns.NS) {
	t.Helper()
	var conn net.PacketConn
	var err error
	server.Do(func() { conn, err = net.ListenPacket("udp4", vip.String()+":9") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(buf[:n], from)
		}
	}()
}

// kinds are the kinds of device that can be had here.
func kinds(t *testing.T) []Kind {
	t.Helper()
	f, err := os.OpenFile(tunPath, os.O_RDWR, 0)
	if err != nil {
		if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return []Kind{Auto, Veth}
	}
	_ = f.Close()
	return []Kind{Auto, TUN, Veth}
}

// delivered is what d has counted once it has counted a packet: the answer to one
// may be here before.
func delivered(d *Decap) (s Stats) {
	for deadline := time.Now().Add(5 * time.Second); s[Delivered] == 0 && time.Now().Before(deadline); runtime.Gosched() {
		s = d.Stats()
	}
	return s
}

// TestEcho sends IPIP to the server and gets the answer of a real socket on
// the virtual address, sent past the director.
func TestEcho(t *testing.T) {
	for _, kind := range kinds(t) {
		dir, server := pair(t)
		d := open(t, server, Options{Kind: kind})
		echo(t, server)
		got := ask(t, dir, IPIP)
		if string(got) != "hello" {
			t.Errorf("kind %d: answer %q", kind, got)
		}
		if s := delivered(d); s[Delivered] == 0 || s != (Stats{Delivered: s[Delivered]}) {
			t.Errorf("kind %d: counted %v", kind, s)
		}
	}
}

// TestEchoTypes does so by each type of tunnel.
func TestEchoTypes(t *testing.T) {
	for kind := range Type(len(typeNames)) {
		dir, server := pair(t)
		o := Options{Type: kind}
		if kind == GUE {
			o.Port = guePort
		}
		d := open(t, server, o)
		echo(t, server)
		if got := ask(t, dir, kind); string(got) != "hello" {
			t.Errorf("%s: answer %q", kind, got)
		}
		if s := delivered(d); s[Delivered] == 0 || s != (Stats{Delivered: s[Delivered]}) {
			t.Errorf("%s: counted %v", kind, s)
		}
	}
}

const guePort = 6080

// TestCongestion: the outer header's congestion mark is seen by GUE too, whose
// socket does not give the header. The inner packet's flow does not know ECN.
func TestCongestion(t *testing.T) {
	dir, server := pair(t)
	d := open(t, server, Options{Type: GUE, Port: guePort})
	var tunnel net.Conn
	var err error
	dir.Do(func() { tunnel, err = dial(GUE) })
	if err != nil {
		t.Fatal(err)
	}
	defer tunnel.Close()
	control, err := tunnel.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := control.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS, ce) }); err != nil {
		t.Fatal(err)
	}
	packet := append([]byte(headers[GUE]), tunnelled(t, director, clientIP, vip, 0, 0)[20:]...)
	again := time.NewTicker(time.Millisecond) // a packet that is sent before the link is up is lost
	defer again.Stop()
	for deadline := time.Now().Add(5 * time.Second); d.Stats()[Congested] == 0; <-again.C {
		if _, err := tunnel.Write(packet); err != nil && !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(deadline) {
			t.Fatalf("counted %v, %v", d.Stats(), err)
		}
	}
	if s := d.Stats(); s != (Stats{Congested: s[Congested]}) {
		t.Errorf("counted %v", s)
	}
}

// dial opens the director's end of a tunnel.
func dial(kind Type) (net.Conn, error) {
	from, to := net.IP(director.AsSlice()), net.IP(rip.AsSlice())
	switch kind {
	case GRE:
		return net.DialIP("ip4:47", &net.IPAddr{IP: from}, &net.IPAddr{IP: to})
	case GUE:
		return net.DialUDP("udp4", &net.UDPAddr{IP: from}, &net.UDPAddr{IP: to, Port: guePort})
	}
	return net.DialIP("ip4:4", &net.IPAddr{IP: from}, &net.IPAddr{IP: to})
}

// headers are what a director puts before the inner packet.
var headers = map[Type]string{GRE: "\x00\x00\x08\x00", GUE: "\x00\x04\x00\x00"}

// ask sends a tunnelled datagram from dir and returns the answer.
func ask(t *testing.T, dir *testns.NS, kind Type) []byte {
	t.Helper()
	var socket net.PacketConn
	var tunnel net.Conn
	var e1, e2 error
	dir.Do(func() {
		socket, e1 = net.ListenPacket("udp4", clientIP.String()+":1000")
		tunnel, e2 = dial(kind)
	})
	if err := errors.Join(e1, e2); err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	defer tunnel.Close()
	n, from, buf := askUntil(t, tunnel, socket, headers[kind])
	if from.String() != vip.String()+":9" {
		t.Errorf("answer came from %v", from)
	}
	return buf[:n]
}

// askUntil sends until there is an answer: a packet that is sent before the
// kernel has noticed that the link is up is lost.
func askUntil(t *testing.T, tunnel net.Conn, socket net.PacketConn, header string) (int, net.Addr, []byte) {
	t.Helper()
	packet := append([]byte(header), tunnelled(t, director, clientIP, vip, 0, 0)[20:]...)
	buf := make([]byte, 2048)
	for range 50 {
		if _, err := tunnel.Write(packet); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatal(err)
		}
		_ = socket.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, from, err := socket.ReadFrom(buf)
		if err == nil {
			return n, from, buf
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	t.Fatal("no answer")
	return 0, nil, nil
}

// sysctl reads a sysctl of the namespace.
func sysctl(t *testing.T, n *testns.NS, path string) string {
	t.Helper()
	v, err := readSysctl(n.NS, path)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCloseGivesEverythingBack(t *testing.T) {
	for _, kind := range kinds(t) {
		_, server := pair(t)
		server.Sysctl("net/ipv4/conf/all/arp_announce", "1")
		var d *Decap
		var err error
		server.Do(func() { d, err = Open(Options{Directors: []netip.Addr{director}, VIPs: []netip.Addr{vip}, Kind: kind}) })
		if err != nil {
			t.Fatal(err)
		}
		if got := sysctl(t, server, "net/ipv4/conf/all/arp_ignore"); got != "1" {
			t.Errorf("arp_ignore is %s", got)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		checkGone(t, server.NS)
	}
}

func checkGone(t *testing.T, ns *netns.NS) {
	t.Helper()
	for _, name := range []string{DefaultDevice, farName(DefaultDevice)} {
		if _, err := ns.Index(name); err == nil {
			t.Errorf("device %s is still there", name)
		}
	}
	for path, want := range map[string]string{"arp_ignore": "0", "arp_announce": "1"} {
		got, err := readSysctl(ns, "net/ipv4/conf/all/"+path)
		if err != nil || got != want {
			t.Errorf("%s is %s (%v), was %s", path, got, err, want)
		}
	}
}

// TestAfterKill: a veth pair that a killed predecessor has left is replaced.
func TestAfterKill(t *testing.T) {
	dir, server := pair(t)
	testns.Veth(t, server, DefaultDevice, server, farName(DefaultDevice))
	open(t, server, Options{Kind: Veth})
	echo(t, server)
	ask(t, dir, IPIP)
}

func TestOpenNamesTheDevice(t *testing.T) {
	_, server := pair(t)
	for _, kind := range kinds(t)[1:] {
		var err error
		o := Options{Directors: []netip.Addr{director}, VIPs: []netip.Addr{vip}, Kind: kind, Device: "eth0"}
		server.Do(func() { _, err = Open(o) })
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte("eth0")) {
			t.Errorf("kind %d: error %v does not name the device", kind, err)
		}
	}
}

// TestRun is the whole face: it says when it is ready, ends with its context
// and prints its counts.
func TestRun(t *testing.T) {
	_, server := pair(t)
	ctx, cancel := context.WithCancel(context.Background())
	var out bytes.Buffer
	o := Options{Directors: []netip.Addr{director}, VIPs: []netip.Addr{vip}, Device: "tunl9"}
	var name string
	var err error
	server.Do(func() {
		err = Run(ctx, o, func(device string) { name = device; cancel() }, &out)
	})
	if err != nil || name != "tunl9" || out.String() != "delivered=0\n" {
		t.Errorf("error %v, device %q, printed %q", err, name, out.String())
	}
}
