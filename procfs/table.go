package procfs

import (
	"bufio"
	"fmt"
	"io"
	"math/bits"
	"net/netip"
	"time"

	"ulvs/control/api"
	"ulvs/service"
)

// tick is the unit of the persistence timeout in ip_vs: the kernel writes
// jiffies. It is that of a kernel with HZ=100, which was recorded; the kernel
// does not say its HZ there, so no reader can rely on another.
const tick = time.Second / 100

// writeTable writes ip_vs (kernel ip_vs_ctl.c, ip_vs_info_seq_show).
func writeTable(w io.Writer, s *api.State) {
	fmt.Fprintf(w, "IP Virtual Server version 1.2.1 (size=%d)\n", s.Size)
	fmt.Fprint(w, "Prot LocalAddress:Port Scheduler Flags\n")
	fmt.Fprint(w, "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n")
	for i := range s.Services {
		v := &s.Services[i]
		fmt.Fprintf(w, "%s%s\n", serviceText(&v.VirtualService), persistence(&v.VirtualService))
		for j := range v.Servers {
			r := &v.Servers[j]
			fmt.Fprintf(w, "  -> %s      %-7s %-6d %-10d %-10d\n", endpoint(r.Addr, r.Port), forward(r.Method), r.Weight, r.Active, r.Inactive)
		}
	}
}

// serviceText is the name of a service with its scheduler. Spaces at the end
// are the kernel's, and differ by the kind of service.
func serviceText(v *service.VirtualService) string {
	ops := ""
	if v.OnePacket {
		ops = "ops "
	}
	switch {
	case v.Mark != 0:
		return fmt.Sprintf("FWM  %08X %s %s", v.Mark, v.Scheduler, ops)
	case v.Addr.Is6(): // the kernel has forgotten ops here
		return fmt.Sprintf("%s  %s %s ", v.Protocol, endpoint(v.Addr, v.Port), v.Scheduler)
	}
	return fmt.Sprintf("%s  %s %s %s ", v.Protocol, endpoint(v.Addr, v.Port), v.Scheduler, ops)
}

// persistence is the timeout and the mask that groups clients. For IPv6 the
// kernel swaps the bytes of a prefix length as if it were a mask.
func persistence(v *service.VirtualService) string {
	if v.Persistent == 0 {
		return ""
	}
	m := v.ClientMask()
	mask := uint32(m[12])<<24 | uint32(m[13])<<16 | uint32(m[14])<<8 | uint32(m[15])
	if v.Is6() {
		mask = bits.ReverseBytes32(uint32(prefixOf(v)))
	}
	return fmt.Sprintf("persistent %d %08X", v.Persistent/tick, mask)
}

// prefixOf is the length of an IPv6 service's netmask.
func prefixOf(v *service.VirtualService) int {
	if v.Netmask == 0 {
		return 128
	}
	return v.Netmask
}

// forward words a forwarding method (kernel ip_vs_ctl.c, ip_vs_fwd_name).
func forward(m service.Method) string {
	switch m {
	case service.Local:
		return "Local"
	case service.Tunnel:
		return "Tunnel"
	case service.DR:
		return "Route"
	}
	return "Masq"
}

// endpoint words an address and port in hexadecimal, an IPv6 address in
// brackets.
func endpoint(a netip.Addr, port uint16) string {
	if a.Is6() {
		return fmt.Sprintf("[%s]:%04X", hex(a), port)
	}
	return fmt.Sprintf("%s:%04X", hex(a), port)
}

// hex words an address: eight digits, or all of an IPv6 address's groups.
func hex(a netip.Addr) string {
	if a.Is6() {
		return a.StringExpanded()
	}
	var b [4]byte
	if a.Is4() {
		b = a.As4()
	}
	return fmt.Sprintf("%02X%02X%02X%02X", b[0], b[1], b[2], b[3])
}

// writeApplications writes ip_vs_app, which lists helpers that rewrite what is
// in packets (FTP): ulvs has none.
func writeApplications(w *bufio.Writer, _ Source) error {
	_, err := w.WriteString("prot port    usecnt name\n")
	return err
}
