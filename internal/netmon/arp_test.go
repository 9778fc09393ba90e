package netmon

import (
	"net"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"ulvs/dataplane/nexthop"
	"ulvs/internal/testns"
	"ulvs/wire"
)

// TestARPWithARealKernel lets a next-hop table find a kernel's MAC, with and
// without an address of its own to ask from, and confirm it by unicast. A
// real server of DR carries the virtual address on its loopback, as here.
func TestARPWithARealKernel(t *testing.T) {
	for name, virtual := range map[string]string{"own address": "203.0.113.1", "virtual address only": "192.0.2.1"} {
		t.Run(name, func(t *testing.T) {
			director, server := testns.New(t), testns.New(t)
			testns.Veth(t, director, "eth0", server, "eth0")
			director.Addr("eth0", "192.0.2.1/24")
			server.Addr("eth0", "192.0.2.9/24")
			server.Addr("lo", virtual+"/32")
			director.Up("eth0")
			server.Up("eth0")
			director.Ready("eth0")
			server.Ready("eth0")
			table := nexthop.New(nexthop.Config{})
			table.SetVirtual([]wire.Addr{addr(virtual)})
			var conn *packet.Conn
			director.Do(func() {
				if _, err := Start(t.Context(), tableHandler{table}); err != nil {
					t.Fatal(err)
				}
				conn = arpSocket(t)
			})
			h := resolve(t, table, conn, 0)
			if h.Dst != wire.MAC(server.MAC("eth0")) {
				t.Errorf("found %v, want %v", h.Dst, server.MAC("eth0"))
			}
			exchange(t, table, conn, 31*time.Second) // asks again, by unicast
			if s := table.Stats(); s.Requests != 2 || s.Resolved != 1 || s.Flushed != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// arpSocket opens a packet socket for ARP on eth0 of this thread's namespace.
func arpSocket(t *testing.T) *packet.Conn {
	t.Helper()
	eth0, err := net.InterfaceByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := packet.Listen(eth0, packet.Raw, unix.ETH_P_ARP, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// resolve queues a frame for the server and returns the hop found for it.
func resolve(t *testing.T, table *nexthop.Table, conn *packet.Conn, now time.Duration) *nexthop.Hop {
	t.Helper()
	server := addr("192.0.2.9")
	frame := &wire.Packet{Buf: make([]byte, wire.Headroom+60), Start: wire.Headroom, End: wire.Headroom + 60}
	if _, status := table.Lookup(server); status != nexthop.Unresolved || !table.Queue(server, frame) {
		t.Fatalf("not queued: %v", status)
	}
	exchange(t, table, conn, now)
	h, status := table.Lookup(server)
	if status != nexthop.Ready {
		t.Fatalf("not resolved: %v", status)
	}
	table.Tick(now, func(uint16, *wire.Packet) {})
	return h
}

// exchange sends the request that is due and gives the table the reply.
func exchange(t *testing.T, table *nexthop.Table, conn *packet.Conn, now time.Duration) {
	t.Helper()
	table.Tick(now, func(_ uint16, p *wire.Packet) {
		if _, err := conn.WriteTo(p.Frame(), &packet.Addr{HardwareAddr: net.HardwareAddr(p.Frame()[:6])}); err != nil {
			t.Fatal(err)
		}
	})
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, wire.Headroom+100)
	for {
		n, _, err := conn.ReadFrom(buf[wire.Headroom:])
		if err != nil {
			t.Fatalf("no reply: %v", err)
		}
		p := wire.Packet{Buf: buf, Start: wire.Headroom, End: wire.Headroom + n}
		if fault := wire.Parse(&p); fault != wire.FaultNone || p.ARP().Op() != wire.ARPReply {
			continue
		}
		table.Learn(now, 0, wire.AddrFrom4(p.ARP().SenderIP()), p.ARP().SenderMAC())
		return
	}
}
