package egress

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// packetSockets lists the packet sockets of the thread's network namespace
// (kernel net/packet/af_packet.c, packet_seq_show).
const packetSockets = "/proc/thread-self/net/packet"

// sockets looks for those that see what is sent: of all protocols, and bound.
func (v *View) sockets(own []uint64) error {
	f, err := os.Open(packetSockets)
	if err != nil {
		return err
	}
	defer f.Close()
	return v.readSockets(f, own)
}

func (v *View) readSockets(r io.Reader, own []uint64) error {
	lines := bufio.NewScanner(r)
	lines.Scan() // the heading
	for lines.Scan() {
		var (
			address               string
			refs, kind, index     int
			running, memory, user int
			protocol              uint16
			inode                 uint64
		)
		_, err := fmt.Sscanf(lines.Text(), "%s %d %d %x %d %d %d %d %d",
			&address, &refs, &kind, &protocol, &index, &running, &memory, &user, &inode)
		if err != nil {
			return fmt.Errorf("read %s: %q: %w", packetSockets, lines.Text(), err)
		}
		if protocol != unix.ETH_P_ALL || running == 0 || slices.Contains(own, inode) {
			continue
		}
		const what = "a packet socket of all protocols"
		if index == 0 {
			v.everywhere = append(v.everywhere, what)
		} else {
			v.at[index] = append(v.at[index], what)
		}
	}
	return lines.Err()
}
