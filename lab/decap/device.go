package decap

import (
	"errors"
	"fmt"
	"io/fs"
	"net"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
	wgtun "golang.zx2c4.com/wireguard/tun"

	"ulvs/internal/netns"
	"ulvs/wire"
)

// Kind is a kind of device.
type Kind uint8

// The kinds of device.
const (
	Auto Kind = iota // TUN if /dev/net/tun may be opened, else Veth
	TUN              // a tun device
	// Veth is a pair of Ethernet devices, one end of which is written to by a
	// packet socket. In a user namespace /dev/net/tun is often not to be
	// opened, and this always is there.
	Veth
)

// tunPath is the device file of tun devices.
const tunPath = "/dev/net/tun"

// headroom is the number of bytes before each packet that a device may write
// to: a virtio-net header (wire.OffloadLen).
const headroom = 10

// device takes IP packets and gives them to the kernel as received.
type device interface {
	// Write takes at most batchSize packets, each at offset in its slice. It may
	// write to what lies before and behind them, up to the slice's capacity.
	Write(packets [][]byte, offset int) (int, error)
	Close() error
	Name() string
}

// newDevice makes a device, which is down.
func newDevice(k Kind, name string) (device, error) {
	if k == Veth {
		return newVeth(name)
	}
	d, err := newTUN(name)
	if k == Auto && (errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist)) {
		return newVeth(name)
	}
	return d, err
}

// tun is a tun device; it goes with its file. In-order segments of a TCP
// connection, checksums verified, are written as one super-frame, which the
// kernel then handles as one packet.
type tun struct {
	wgtun.Device
	name string
}

func (t *tun) Name() string { return t.name }

func newTUN(name string) (device, error) {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return nil, fmt.Errorf("device name %q: %w", name, err)
	}
	fd, err := unix.Open(tunPath, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", tunPath, err)
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("create tun device %s (needs CAP_NET_ADMIN): %w", name, err)
	}
	device, name, err := wgtun.CreateUnmonitoredTUNFromFD(fd)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("set up tun device %s: %w", ifr.Name(), err)
	}
	return &tun{device, name}, nil
}

// veth is a pair of Ethernet devices: packets written to the far end arrive
// on the near one.
type veth struct {
	name string
	ns   *netns.NS
	conn *packet.Conn
	near *packet.Addr
}

func (v *veth) Name() string { return v.name }

// farName is the end that is written to.
func farName(name string) string { return name + "-in" }

func newVeth(name string) (device, error) {
	ns, err := netns.Current()
	if err != nil {
		return nil, err
	}
	v := &veth{name: name, ns: ns}
	if err := v.open(); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

func (v *veth) open() error {
	if _, err := v.ns.Index(farName(v.name)); err == nil { // left by one that was killed
		if err := v.ns.Delete(farName(v.name)); err != nil {
			return err
		}
	}
	if err := netns.Veth(v.ns, v.name, v.ns, farName(v.name)); err != nil {
		return fmt.Errorf("%w (needs CAP_NET_ADMIN)", err)
	}
	if err := v.ns.Up(farName(v.name)); err != nil {
		return err
	}
	mac, err := v.ns.MAC(v.name)
	if err != nil {
		return err
	}
	v.near = &packet.Addr{HardwareAddr: mac}
	return v.connect()
}

func (v *veth) connect() error {
	far, err := net.InterfaceByName(farName(v.name))
	if err != nil {
		return fmt.Errorf("find interface %s: %w", farName(v.name), err)
	}
	v.conn, err = packet.Listen(far, packet.Datagram, int(wire.EtherTypeIPv4), nil)
	if err != nil {
		return fmt.Errorf("open packet socket (needs CAP_NET_RAW): %w", err)
	}
	return nil
}

func (v *veth) Write(packets [][]byte, offset int) (n int, err error) {
	for _, p := range packets {
		_, failed := v.conn.WriteTo(p[offset:], v.near)
		if err = errors.Join(err, failed); failed == nil {
			n++
		}
	}
	return n, err
}

func (v *veth) Close() error {
	var errs []error
	if v.conn != nil {
		errs = append(errs, v.conn.Close())
	}
	if _, err := v.ns.Index(farName(v.name)); err == nil {
		errs = append(errs, v.ns.Delete(farName(v.name)))
	}
	return errors.Join(append(errs, v.ns.Close())...)
}
