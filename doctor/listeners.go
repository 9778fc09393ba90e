package doctor

import (
	"encoding/binary"
	"encoding/hex"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"ulvs/service"
)

// The tables of sockets below /proc/net (kernel net/ipv4/tcp_ipv4.c,
// tcp4_seq_show) and the state in which one waits for clients.
var socketTables = []struct {
	path     string
	protocol service.Protocol
	state    string
}{
	{"net/tcp", service.TCP, "0A"}, // TCP_LISTEN
	{"net/tcp6", service.TCP, "0A"},
	{"net/udp", service.UDP, "07"}, // not connected
	{"net/udp6", service.UDP, "07"},
}

// listeners reads them all. A table that is not there has none.
func listeners(proc fs.FS) (all []Listener) {
	for _, table := range socketTables {
		text, err := fs.ReadFile(proc, table.path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			const local, state, inode = 1, 3, 9
			f := strings.Fields(line)
			if len(f) <= inode || f[state] != table.state {
				continue
			}
			if addr, port, ok := socketAddr(f[local]); ok {
				all = append(all, Listener{table.protocol, addr, port, f[inode]})
			}
		}
	}
	return all
}

// socketAddr reads "0100007F:0050": words of 32 bits as the machine has them,
// and the port in hexadecimal.
func socketAddr(s string) (netip.Addr, uint16, bool) {
	words, number, found := strings.Cut(s, ":")
	raw, err := hex.DecodeString(words)
	port, err2 := strconv.ParseUint(number, 16, 16)
	if !found || err != nil || err2 != nil || len(raw)%4 != 0 {
		return netip.Addr{}, 0, false
	}
	for word := range slices.Chunk(raw, 4) {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	a, ok := netip.AddrFromSlice(raw)
	return a.Unmap(), uint16(port), ok
}

// takes reports whether the socket would get packets to the address. One at ::
// has IPv4 too, unless it asked not to, which is not shown.
func (l Listener) takes(p service.Protocol, a netip.Addr, port uint16) bool {
	if l.Protocol != p || l.Port != port {
		return false
	}
	return l.Addr == a || l.Addr.IsUnspecified() && (l.Addr.Is6() || a.Is4())
}
