package service

import (
	"cmp"
	"net/netip"
)

// FTP ports (RFC 959 section 3.2, RFC 1122 section 4.2.2.1 on low ports).
const (
	ftpControl = 21
	ftpData    = 20
	lowPorts   = 1024 // ports below are never the data port of a passive server
)

// Match returns the service that ip_vs finds for a packet to addr:port with
// the firewall mark mark, nil if none (kernel ip_vs_ctl.c, ip_vs_service_find):
// the mark's service, else the exact one, else for a TCP port that may carry
// FTP data the FTP service of the address, else the address's port-0 service.
// Whether the match may take a new connection is Schedules.
func (t *Table) Match(proto Protocol, addr netip.Addr, port uint16, mark uint32) *Entry {
	addr = addr.Unmap()
	if mark != 0 {
		if e := t.Find(Key{Mark: mark, IPv6: addr.Is6()}); e != nil {
			return e
		}
	}
	at := func(port uint16) *Entry { return t.Find(Key{Protocol: proto, Addr: addr, Port: port}) }
	e := at(port)
	if e == nil && proto == TCP && (port == ftpData || port >= lowPorts) {
		e = at(ftpControl)
	}
	if e == nil {
		e = at(0)
	}
	return e
}

// Schedules reports whether a new connection to port may be balanced by the
// service that Match found for it: one that is not persistent takes only its
// own port (kernel ip_vs_core.c, ip_vs_schedule).
func (v *VirtualService) Schedules(port uint16) bool {
	return v.Mark != 0 || v.Persistent != 0 || v.Port == port
}

// Bucket returns the bucket of the kernel's 256-bucket service hash in which a
// service is listed (kernel ip_vs_ctl.c, ip_vs_svc_hashkey and
// ip_vs_svc_fwm_hashkey, without their constant that differs by namespace).
func (k Key) Bucket() uint8 {
	if k.Mark != 0 {
		return uint8(k.Mark)
	}
	return uint8(k.Protocol) ^ foldAddr(k.Addr) ^ uint8(k.Port>>8) ^ uint8(k.Port)
}

// foldAddr returns the low byte of the address's 32-bit words XORed.
func foldAddr(a netip.Addr) uint8 {
	switch {
	case a.Is4():
		return a.As4()[3]
	case a.Is6():
		b := a.As16()
		return b[3] ^ b[7] ^ b[11] ^ b[15]
	}
	return 0
}

// order is the rank in the kernel's listing; services of equal rank are listed
// the newest first.
func (k Key) order() int {
	rank := int(k.Bucket())
	if k.Mark != 0 {
		rank += 1 << 8
	}
	return rank
}

func compareOrder(e *Entry, k Key) int { return cmp.Compare(e.order(), k.order()) }
