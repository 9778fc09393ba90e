package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"ulvs/wire"
)

// tapBuffer is what the tap's socket may hold before it is read, in bytes.
const tapBuffer = 16 << 20

// Frame is a frame as it was seen at an interface of a host.
type Frame struct {
	Host, Interface string
	Out             bool // from the host, else to it
	Data            []byte
}

// Tap hears every frame of a lab: one packet socket on the switch, to whose
// ports all hosts are plugged. So it hears in one order what goes on at all of
// them, also what ulvs sends past the queueing discipline, which no socket on
// the director itself would be shown.
type Tap struct {
	fd    int
	ports map[int]port // by index in the switch's namespace
}

// port is the switch's end of a host's interface.
type port struct {
	host, link string
	mac        wire.MAC
}

// Tap begins to listen. Close it.
func (l *Lab) Tap() (*Tap, error) {
	t := &Tap{fd: -1, ports: map[int]port{}}
	for _, h := range l.Hosts() {
		for _, i := range h.Interfaces {
			if i.Network == "" {
				continue
			}
			index, err := l.Switch.ns.Index(portName(h.Name, i.Name))
			if err != nil {
				return nil, err
			}
			mac, err := net.ParseMAC(i.MAC)
			if err != nil {
				return nil, err
			}
			t.ports[index] = port{h.Name, i.Name, wire.MAC(mac)}
		}
	}
	var err error
	if entering := l.Switch.Do(func() { t.fd, err = openTap() }); entering != nil {
		err = entering
	}
	if err != nil {
		return nil, fmt.Errorf("listen on the switch: %w", err)
	}
	return t, nil
}

func openTap() (int, error) {
	const all = unix.ETH_P_ALL
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, tapBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, tapBuffer) // as much as one may have
	}
	network := binary.NativeEndian.Uint16([]byte{all >> 8, all & 0xff})
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: network}); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Close stops listening.
func (t *Tap) Close() error { return unix.Close(t.fd) }

// Read returns what was heard and not yet returned. Frames that the switch
// flooded to a host they are not for are left out.
func (t *Tap) Read() (frames []Frame, err error) {
	buf := make([]byte, 1<<17)
	for {
		n, from, err := unix.Recvfrom(t.fd, buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return frames, nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN):
			continue
		case err != nil:
			return frames, fmt.Errorf("read frame: %w", err)
		}
		link, ok := from.(*unix.SockaddrLinklayer)
		if !ok || n < wire.EthernetLen {
			continue
		}
		p, known := t.ports[link.Ifindex]
		dst := wire.Ethernet(buf[:n]).Dst()
		out := link.Pkttype != unix.PACKET_OUTGOING // what leaves the switch's port comes to the host
		if known && (out || dst.IsGroup() || dst == p.mac) {
			frames = append(frames, Frame{p.host, p.link, out, append([]byte(nil), buf[:n]...)})
		}
	}
}

// Until reads frames until enough says so, or patience is over. It returns
// all of them.
func (t *Tap) Until(patience time.Duration, enough func([]Frame) bool) ([]Frame, error) {
	var all []Frame
	for end := time.Now().Add(patience); ; {
		more, err := t.Read()
		all = append(all, more...)
		if err != nil || enough(all) || time.Now().After(end) {
			return all, err
		}
		time.Sleep(2 * time.Millisecond)
	}
}
