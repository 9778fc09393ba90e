package decap

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"ulvs/wire"
)

// receiveBuffer is asked for the socket, in bytes; the kernel may give less. An
// upload arrives in bursts of a whole congestion window.
const receiveBuffer = 4 << 20

// maxPacket is the largest IP packet.
const maxPacket = 65535

// socket is where the tunnel's packets come from.
type socket interface {
	// receive waits for a packet. ok is false if it is none.
	receive() (a arrived, ok bool, err error)
	Close() error
}

// openSocket opens the socket of a type; port is GUE's.
func openSocket(t Type, port uint16) (socket, error) {
	switch t {
	case GRE:
		return openRaw(t, "ip4:47")
	case GUE:
		return openUDP(port)
	}
	return openRaw(t, "ip4:4")
}

// raw is a raw IP socket: it gets whole packets.
type raw struct {
	*net.IPConn
	buf []byte
}

func openRaw(t Type, network string) (socket, error) {
	conn, err := net.ListenIP(network, nil)
	if err != nil {
		return nil, fmt.Errorf("open raw socket for %s (needs CAP_NET_RAW): %w", t, err)
	}
	return &raw{conn, make([]byte, maxPacket)}, enlargeBuffer(conn)
}

func (r *raw) receive() (a arrived, ok bool, err error) {
	// ReadMsgIP leaves the outer header on; it is looked at.
	n, _, _, _, err := r.ReadMsgIP(r.buf, nil)
	if err != nil {
		return a, false, err
	}
	a, ok = fromIP(wire.IPv4(r.buf[:n]))
	return a, ok, nil
}

// datagrams is a UDP socket, whose checksums the kernel has verified.
type datagrams struct {
	*net.UDPConn
	buf, control []byte
}

func openUDP(port uint16) (socket, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{Port: int(port)})
	if err != nil {
		return nil, fmt.Errorf("open UDP socket for gue: %w", err)
	}
	d := &datagrams{conn, make([]byte, maxPacket), make([]byte, unix.CmsgSpace(1))}
	return d, errors.Join(enlargeBuffer(conn), d.askForTOS())
}

// askForTOS asks for the TOS of each packet, which has its congestion mark.
func (d *datagrams) askForTOS() (err error) {
	control, err := d.SyscallConn()
	if err != nil {
		return fmt.Errorf("ask for TOS: %w", err)
	}
	entering := control.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1)
	})
	return errors.Join(entering, err)
}

func (d *datagrams) receive() (a arrived, ok bool, err error) {
	n, controls, _, from, err := d.ReadMsgUDPAddrPort(d.buf, d.control)
	if err != nil {
		return a, false, err
	}
	a = arrived{src: from.Addr().Unmap().As4(), body: d.buf[:n]}
	a.tos, ok = tosOf(d.control[:controls])
	return a, ok, nil
}

// tosOf reads the TOS among the control messages of a packet.
func tosOf(b []byte) (tos uint8, ok bool) {
	h, data, _, err := unix.ParseOneSocketControlMessage(b)
	if err != nil || h.Level != unix.IPPROTO_IP || h.Type != unix.IP_TOS || len(data) == 0 {
		return 0, false
	}
	return data[0], true
}

// enlargeBuffer asks for the buffer in both ways: the second goes beyond
// net.core.rmem_max and may be forbidden.
func enlargeBuffer(conn interface {
	SetReadBuffer(int) error
	SyscallConn() (syscall.RawConn, error)
}) error {
	if err := conn.SetReadBuffer(receiveBuffer); err != nil {
		return fmt.Errorf("set receive buffer: %w", err)
	}
	control, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("set receive buffer: %w", err)
	}
	return control.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer)
	})
}
