package testns

import (
	"sync"

	"golang.org/x/sys/unix"
)

// Tap opens a packet socket in the namespace, on an interface or, with no name,
// on all. It returns the inode number by which /proc/net/packet knows it, and a
// function that closes it early; else the test's end does.
func (n *NS) Tap(protocol uint16, ifname string) (inode uint64, closeTap func()) {
	n.t.Helper()
	fd, err := -1, error(nil)
	n.Do(func() { fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0) })
	must(n.t, err)
	closeTap = sync.OnceFunc(func() { _ = unix.Close(fd) })
	n.t.Cleanup(closeTap)
	address := &unix.SockaddrLinklayer{Protocol: protocol<<8 | protocol>>8}
	if ifname != "" {
		address.Ifindex = n.Index(ifname)
	}
	must(n.t, unix.Bind(fd, address))
	var st unix.Stat_t
	must(n.t, unix.Fstat(fd, &st))
	return st.Ino, closeTap
}
