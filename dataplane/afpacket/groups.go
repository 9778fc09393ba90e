package afpacket

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ListenToGroups makes the device take frames to any multicast address, or, off,
// only those that the host listens to: who looks for an IPv6 address sends to a
// group that its owner has joined (RFC 4861 section 7.2.2), and for a virtual
// address that the host does not have nobody has. The same call twice counts
// twice. It may be called from any goroutine.
func (p *Port) ListenToGroups(on bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return fmt.Errorf("listen to groups on %s: %w", p.name, unix.EBADF)
	}
	opt := unix.PACKET_ADD_MEMBERSHIP
	if !on {
		opt = unix.PACKET_DROP_MEMBERSHIP
	}
	all := unix.PacketMreq{Ifindex: int32(p.index), Type: unix.PACKET_MR_ALLMULTI}
	if err := unix.SetsockoptPacketMreq(p.rx, unix.SOL_PACKET, opt, &all); err != nil {
		return fmt.Errorf("listen to groups on %s: %w", p.name, err)
	}
	return nil
}
