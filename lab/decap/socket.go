package decap

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"

	"ulvs/wire"
)

// receiveBuffer is asked for the socket, in bytes; the kernel may give less. An
// upload arrives in bursts of a whole congestion window.
const receiveBuffer = 4 << 20

// maxPacket is the largest IP packet.
const maxPacket = 65535

// batchSize is the number of packets received, and given to the device, at a
// time. The device takes no more.
const batchSize = conn.IdealBatchSize

// socket is where the tunnel's packets come from, batchSize at a time.
type socket interface {
	// receive waits for packets and returns how many there are.
	receive() (int, error)
	// packet returns one of them, valid until the next receive. ok is false if it
	// is none.
	packet(i int) (a arrived, ok bool)
	// room returns a part of packet i with the headroom before it; there is room
	// behind it up to what one packet may have.
	room(i int, part []byte) []byte
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

// batch receives into buffers that each have headroom before a packet.
type batch struct {
	*ipv4.PacketConn
	bufs     [][]byte
	messages []ipv4.Message
}

// newBatch makes room for controls bytes of control messages with each packet.
func newBatch(conn net.PacketConn, controls int) batch {
	b := batch{PacketConn: ipv4.NewPacketConn(conn)}
	for range batchSize {
		buf := make([]byte, headroom+maxPacket)
		b.bufs = append(b.bufs, buf)
		b.messages = append(b.messages, ipv4.Message{Buffers: [][]byte{buf[headroom:]}, OOB: make([]byte, controls)})
	}
	return b
}

func (b *batch) receive() (int, error) { return b.ReadBatch(b.messages, 0) }

// body is what was received as packet i.
func (b *batch) body(i int) []byte { return b.bufs[i][headroom:][:b.messages[i].N] }

func (b *batch) room(i int, part []byte) []byte {
	at := cap(b.bufs[i]) - cap(part)
	return b.bufs[i][at-headroom : at+len(part)]
}

// raw is a raw IP socket: it gets whole packets.
type raw struct{ batch }

func openRaw(t Type, network string) (socket, error) {
	conn, err := net.ListenIP(network, nil)
	if err != nil {
		return nil, fmt.Errorf("open raw socket for %s (needs CAP_NET_RAW): %w", t, err)
	}
	return &raw{newBatch(conn, 0)}, enlargeBuffer(conn)
}

// packet takes the outer header off, which a batch leaves on.
func (r *raw) packet(i int) (a arrived, ok bool) { return fromIP(wire.IPv4(r.body(i))) }

// datagrams is a UDP socket, whose checksums the kernel has verified.
type datagrams struct{ batch }

func openUDP(port uint16) (socket, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{Port: int(port)})
	if err != nil {
		return nil, fmt.Errorf("open UDP socket for gue: %w", err)
	}
	return &datagrams{newBatch(conn, unix.CmsgSpace(1))}, errors.Join(enlargeBuffer(conn), askForTOS(conn))
}

// askForTOS asks for the TOS of each packet, which has its congestion mark.
func askForTOS(conn *net.UDPConn) (err error) {
	control, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("ask for TOS: %w", err)
	}
	entering := control.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1)
	})
	return errors.Join(entering, err)
}

func (d *datagrams) packet(i int) (a arrived, ok bool) {
	m := &d.messages[i]
	from, ok := m.Addr.(*net.UDPAddr)
	if !ok {
		return a, false
	}
	a = arrived{src: from.AddrPort().Addr().Unmap().As4(), body: d.body(i)}
	a.tos, ok = tosOf(m.OOB[:m.NN])
	return a, ok
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
