package afpacket

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/sys/unix"
)

// Errors of Open. An error for want of rights is os.ErrPermission.
var (
	ErrNoInterface  = errors.New("no such interface")
	ErrNotEthernet  = errors.New("not an Ethernet interface")
	ErrDown         = errors.New("interface is down")
	ErrRingTooLarge = errors.New("not enough memory for the receive ring")
)

// explainSocket adds to an error of socket(2) what is missing.
func explainSocket(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("open packet socket: %w: needs CAP_NET_RAW, run as root or: setcap cap_net_raw,cap_net_admin+ep", err)
	}
	return fmt.Errorf("open packet socket: %w", err)
}

func explainInterface(name string, err error) error {
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("%w: %q (there are: %s)", ErrNoInterface, name, strings.Join(interfaceNames(), ", "))
	}
	return fmt.Errorf("find interface %q: %w", name, err)
}

// interfaceNames lists the interfaces of the thread's network namespace.
func interfaceNames() []string {
	ifaces, err := net.Interfaces()
	if err != nil {
		return []string{err.Error()}
	}
	names := make([]string, len(ifaces))
	for i := range ifaces {
		names[i] = ifaces[i].Name
	}
	return names
}

func explainRing(g Geometry, err error) error {
	if errors.Is(err, unix.ENOMEM) {
		return fmt.Errorf("%w: %d MiB in blocks of %d KiB: use fewer slots (--ring-slots) or less memory for all (--ring-memory)", ErrRingTooLarge, g.Bytes()>>20, g.BlockSize>>10)
	}
	return fmt.Errorf("set up receive ring of %d MiB: %w", g.Bytes()>>20, err)
}
