package netns

import (
	"context"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Ready waits until interfaces are able to send. An interface that is up and
// has just got its carrier still drops what it is given until the kernel's
// link watch has activated its queue, which can take a second.
func (n *NS) Ready(ctx context.Context, ifnames ...string) error {
	changes, done := make(chan netlink.LinkUpdate, 16), make(chan struct{})
	if err := netlink.LinkSubscribeAt(n.fd, changes, done); err != nil {
		return fmt.Errorf("subscribe to links: %w", err)
	}
	defer func() {
		close(done)
		for range changes { // let the sender see that it is over
		}
	}()
	for _, name := range ifnames {
		if err := n.awaitRunning(ctx, name, changes); err != nil {
			return fmt.Errorf("wait for interface %s: %w", name, err)
		}
	}
	return nil
}

// awaitRunning waits for one interface, looking again at each change. The
// kernel sets IFF_RUNNING and activates the queue under one lock
// (linkwatch_do_dev in net/core/link_watch.c), the one that a look takes too.
func (n *NS) awaitRunning(ctx context.Context, name string, changes <-chan netlink.LinkUpdate) error {
	for {
		running := false
		err := n.with(name, "read", func(_ *netlink.Handle, l netlink.Link) error {
			running = l.Attrs().RawFlags&unix.IFF_RUNNING != 0
			return nil
		})
		if running || err != nil {
			return err
		}
		select {
		case <-changes:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
