package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"ulvs/lab"
	"ulvs/wire"
)

// Ports of the SCTP service: the virtual one, and behind NAT the servers'.
const (
	sctpPort     = 9899
	sctpRealPort = 7000
)

// The machine need not have a stack of SCTP: the hosts speak as much of it as a
// handshake takes, on sockets of the bare protocol.

// sctpSocket opens a socket for SCTP packets on a host.
func sctpSocket(t *testing.T, h *lab.Host, at netip.Addr) (conn net.PacketConn) {
	t.Helper()
	var err error
	check(t, h.Do(func() { conn, err = net.ListenPacket(fmt.Sprintf("ip4:%d", wire.ProtoSCTP), at.String()) }))
	check(t, err)
	t.Cleanup(func() { check(t, conn.Close()) })
	return conn
}

// sctpPacket makes a packet of one short chunk.
func sctpPacket(from, to uint16, typ uint8, value string) wire.SCTP {
	h := make(wire.SCTP, wire.SCTPLen, wire.SCTPLen+4+len(value))
	h.SetSrcPort(from)
	h.SetDstPort(to)
	h = append(h, typ, 0, 0, byte(4+len(value)))
	h = append(h, value...)
	h.FillChecksum()
	return h
}

// associate answers the packets of a handshake with the host's name.
func associate(conn net.PacketConn, name string) {
	answers := map[uint8]uint8{wire.SCTPInit: wire.SCTPInitAck, wire.SCTPCookieEcho: wire.SCTPCookieAck}
	buf := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		h := wire.SCTP(buf[:n])
		if answer, ok := answers[h.Signal()]; err == nil && ok && h.ChecksumOK() {
			_, _ = conn.WriteTo(sctpPacket(h.DstPort(), h.SrcPort(), answer, name), from)
		}
	}
}

// shake does one step of a handshake and returns the value of the answer's
// chunk, which must be of the given type.
func (n *network) shake(t *testing.T, conn net.PacketConn, from uint16, ask, want uint8) string {
	t.Helper()
	_, err := conn.WriteTo(sctpPacket(from, sctpPort, ask, ""), &net.IPAddr{IP: n.VIP.AsSlice()})
	check(t, err)
	check(t, conn.SetReadDeadline(time.Now().Add(patience)))
	buf := make([]byte, 2048)
	size, peer, err := conn.ReadFrom(buf)
	check(t, err)
	h := wire.SCTP(buf[:size])
	if peer.String() != n.VIP.String() || h.SrcPort() != sctpPort || h.DstPort() != from || h.Signal() != want || !h.ChecksumOK() {
		t.Fatalf("answer of %v: %x, want chunk %d", peer, buf[:size], want)
	}
	return string(h.First()[4:h.First().Length()])
}

// sctpRules make a service of SCTP and start its servers.
func (n *network) sctpRules(t *testing.T) {
	n.ipvsadm(fmt.Sprintf("-A --sctp-service %s:%d -s rr", n.VIP, sctpPort))
	for _, h := range n.Servers {
		at, port := n.VIP, sctpPort
		if n.Mode == lab.NAT {
			at, port = h.Addr(), sctpRealPort
		}
		go associate(sctpSocket(t, h, at), h.Name)
		n.ipvsadm(fmt.Sprintf("-a --sctp-service %s:%d -r %s:%d %s", n.VIP, sctpPort, h.Addr(), port, n.methodFlag()))
	}
}

// established is an association in the list of connections.
var established = regexp.MustCompile(`(?m)^SCTP 1[45]:\d\d  ESTABLISHED `)

// TestSCTP: handshakes through the director by each method, shared out, and
// listed as ipvsadm lists them.
func TestSCTP(t *testing.T) {
	for _, mode := range lab.Modes() {
		t.Run(mode, func(t *testing.T) {
			n := serving(t, lab.Config{Mode: mode, Servers: 2}, "rr")
			n.sctpRules(t)
			client := sctpSocket(t, n.Client, n.Client.Addr())
			count := map[string]int{}
			for port := uint16(5000); port < 5006; port++ {
				first := n.shake(t, client, port, wire.SCTPInit, wire.SCTPInitAck)
				if again := n.shake(t, client, port, wire.SCTPCookieEcho, wire.SCTPCookieAck); again != first {
					t.Errorf("association of %s went on with %s", first, again)
				}
				count[first]++
			}
			if len(count) != 2 || count["rs1"] != 3 {
				t.Errorf("associations %v", count)
			}
			listed := n.ipvsadm("-Lnc")
			if got := established.FindAllString(listed, -1); len(got) != 6 {
				t.Errorf("%d associations listed as established:\n%s", len(got), listed)
			}
			n.clean(t)
		})
	}
}
