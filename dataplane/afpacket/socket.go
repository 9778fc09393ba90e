package afpacket

import (
	"errors"
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// sendBuffer is the size in bytes of a transmitting socket's buffer: 64
// super-frames twice over, so that a batch fits while the last is under way.
const sendBuffer = 8 << 20

// retireTimeout is how long a V3 block may wait to fill, in milliseconds; the
// kernel takes no less than one.
const retireTimeout = 1

// frameSize3 is the tp_frame_size of a V3 ring, which the kernel only checks.
const frameSize3 = 2048

// dropAll is the filter that lets nothing in.
var dropAll = []bpf.RawInstruction{{Op: unix.BPF_RET | unix.BPF_K}}

// openSocket opens a packet socket that receives nothing until it is bound.
func openSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, explainSocket(err)
	}
	return fd, nil
}

// interfaceIndex finds an Ethernet interface of the socket's own namespace.
func interfaceIndex(fd int, name string) (int, error) {
	req, err := unix.NewIfreq(name)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req)
	}
	if err != nil {
		return 0, explainInterface(name, err)
	}
	index := int(req.Uint32())
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, req); err != nil {
		return 0, explainInterface(name, err)
	}
	// sa_family of the hardware address; loopback frames have an Ethernet
	// header too.
	if kind := req.Uint16(); kind != unix.ARPHRD_ETHER && kind != unix.ARPHRD_LOOPBACK {
		return 0, fmt.Errorf("%w: hardware type %d", ErrNotEthernet, kind)
	}
	return index, nil
}

// option is a socket option at level SOL_PACKET.
type option struct {
	name  string
	opt   int
	value int
}

func setOptions(fd int, options []option) error {
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, o.opt, o.value); err != nil {
			return fmt.Errorf("set %s: %w", o.name, err)
		}
	}
	return nil
}

// prepareReceive sets what the kernel refuses to change once there is a ring.
func prepareReceive(fd int, v Version) error {
	version := unix.TPACKET_V2
	if v == V3 {
		version = unix.TPACKET_V3
	}
	return setOptions(fd, []option{
		{"PACKET_VERSION", unix.PACKET_VERSION, version},
		{"PACKET_RESERVE", unix.PACKET_RESERVE, reserve},
		{"PACKET_VNET_HDR", unix.PACKET_VNET_HDR, 1},
		// On an interface that is both inside and outside our own frames
		// would come back.
		{"PACKET_IGNORE_OUTGOING", unix.PACKET_IGNORE_OUTGOING, 1},
	})
}

func requestRing(fd int, g Geometry) error {
	if g.Version == V3 {
		return unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{
			Block_size: uint32(g.BlockSize), Block_nr: uint32(g.blocks()),
			Frame_size: frameSize3, Frame_nr: uint32(g.BlockSize / frameSize3 * g.blocks()),
			Retire_blk_tov: retireTimeout,
		})
	}
	return unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq{
		Block_size: uint32(g.BlockSize), Block_nr: uint32(g.blocks()),
		Frame_size: uint32(g.SlotSize), Frame_nr: uint32(g.perBlock() * g.blocks()),
	})
}

// prepareSend sets up a socket that only transmits.
func prepareSend(fd int, bypass bool) error {
	options := []option{{"PACKET_VNET_HDR", unix.PACKET_VNET_HDR, 1}}
	if bypass {
		options = append(options, option{"PACKET_QDISC_BYPASS", unix.PACKET_QDISC_BYPASS, 1})
	}
	if err := setOptions(fd, options); err != nil {
		return err
	}
	return setSendBuffer(fd)
}

// setSendBuffer lets a batch of frames be under way.
func setSendBuffer(fd int) error {
	// Beyond net.core.wmem_max only with CAP_NET_ADMIN; without it the kernel
	// gives what it may, and batches that do not fit are sent in parts.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer) == nil {
		return nil
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer); err != nil {
		return fmt.Errorf("set SO_SNDBUF: %w", err)
	}
	return nil
}

// bind binds fd to an interface. Protocol 0 receives nothing. ETH_P_ALL sees
// frames before nftables' ingress hook, which hides them from the host.
func bind(fd int, protocol uint16, index int) error {
	addr := unix.SockaddrLinklayer{Protocol: protocol<<8 | protocol>>8, Ifindex: index}
	if err := unix.Bind(fd, &addr); err != nil {
		return fmt.Errorf("bind packet socket: %w", err)
	}
	return nil
}

// unbound reports whether the kernel has taken the socket off its interface
// because that was unregistered.
func unbound(fd int) bool {
	addr, err := unix.Getsockname(fd)
	if err != nil {
		return true
	}
	ll, ok := addr.(*unix.SockaddrLinklayer)
	return !ok || ll.Ifindex <= 0
}

// setFilter attaches prog; nil lets every frame in.
func setFilter(fd int, prog []bpf.RawInstruction) error {
	if len(prog) == 0 {
		err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("detach filter: %w", err)
		}
		return nil
	}
	insns := make([]unix.SockFilter, len(prog))
	for i, in := range prog {
		insns[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	fprog := unix.SockFprog{Len: uint16(len(insns)), Filter: &insns[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &fprog); err != nil {
		return fmt.Errorf("attach filter of %d instructions: %w", len(prog), err)
	}
	return nil
}
