package guard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const sctp = unix.IPPROTO_SCTP

// TestSCTPIsHiddenFromTheHost by sockets that take any SCTP packet, for the
// machine need not have a stack of it.
func TestSCTPIsHiddenFromTheHost(t *testing.T) {
	each(t, func(top *topology) {
		vip := top.at.vip
		network := fmt.Sprintf("ip%s:%d", top.at.name[1:], sctp)
		var host, client net.PacketConn
		open := func(c *net.PacketConn, addr string) func() {
			return func() {
				var err error
				if *c, err = net.ListenPacket(network, addr); err != nil {
					top.t.Fatal(err)
				}
				top.t.Cleanup(func() { (*c).Close() })
			}
		}
		top.director.Do(open(&host, vip))
		top.client.Do(open(&client, top.at.client))

		top.sync(Rules{Services: []Endpoint{endpoint(sctp, vip, 9899), endpoint(tcp, vip, 9900)}})
		for _, port := range []uint16{9899, 9900, 9901} {
			top.sendSCTP(client, vip, port)
		}
		for _, want := range []uint16{9900, 9901} {
			if got := sctpPort(host); got != want {
				top.t.Errorf("the host got port %d, want %d", got, want)
			}
		}
	})
}

// sendSCTP sends an INIT chunk to a port.
func (top *topology) sendSCTP(from net.PacketConn, addr string, port uint16) {
	top.t.Helper()
	b := make([]byte, 16)
	binary.BigEndian.PutUint16(b, 5000)
	binary.BigEndian.PutUint16(b[2:], port)
	b[12], b[15] = 1, 4
	if _, err := from.WriteTo(b, &net.IPAddr{IP: net.ParseIP(addr)}); err != nil {
		top.t.Fatal(err)
	}
}

// sctpPort returns the destination port of the next SCTP packet, 0 if none
// comes.
func sctpPort(c net.PacketConn) uint16 {
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 64)
	if n, _, err := c.ReadFrom(b); errors.Is(err, os.ErrDeadlineExceeded) || n < 4 {
		return 0
	}
	return binary.BigEndian.Uint16(b[2:])
}
