// Package service is the vocabulary of ulvs: virtual services, real servers,
// forwarding methods, and the immutable table of them. It holds values only;
// what lives and counts is built from them by package dataplane.
package service

import (
	"net/netip"
	"time"
)

// Protocol is the IP protocol number of a virtual service.
type Protocol uint8

// Protocols that a virtual service can balance. A firewall-mark service has
// protocol 0.
const (
	AnyProtocol Protocol = 0
	TCP         Protocol = 6
	UDP         Protocol = 17
	SCTP        Protocol = 132
)

// Method is a forwarding method. The numbers are the low bits of the kernel's
// connection flags (kernel include/uapi/linux/ip_vs.h, IP_VS_CONN_F_FWD_MASK).
type Method uint8

// Forwarding methods.
const (
	NAT     Method = 0 // masquerading: rewrite address and port, replies pass the director
	Local   Method = 1 // the real server is the director itself
	Tunnel  Method = 2 // encapsulate to the real server, replies go direct
	DR      Method = 3 // direct routing: rewrite the MAC, replies go direct
	Bypass  Method = 4 // send to the original destination
	FullNAT Method = 5 // like NAT with the client's end rewritten too; not in ip_vs
)

// Key names a virtual service: protocol, address and port, or a firewall mark.
// Exactly one of the two forms is set.
type Key struct {
	Protocol Protocol   `json:"protocol,omitempty"`
	Addr     netip.Addr `json:"addr,omitzero"`
	Port     uint16     `json:"port,omitempty"`
	Mark     uint32     `json:"mark,omitempty"`
	// IPv6 tells a firewall-mark service of IPv6 from one of IPv4; for other
	// services the family is that of Addr and IPv6 is false.
	IPv6 bool `json:"ipv6,omitempty"`
}

// VirtualService is the configuration of one virtual service without its real
// servers.
type VirtualService struct {
	Key
	Scheduler string   `json:"scheduler"`            // "wlc", ...
	SchedFlag []string `json:"schedFlags,omitempty"` // "sh-port", ... in ipvsadm's order
	// Persistent is the lifetime of a persistence template; 0 means none.
	Persistent time.Duration `json:"persistent,omitempty"`
	// Netmask is the prefix length that groups clients of a persistent
	// service: 32 or 128 for single hosts. Non-contiguous masks, which
	// ipvsadm accepts, are kept in Mask instead.
	Netmask   int        `json:"netmask,omitempty"`
	Mask      netip.Addr `json:"mask,omitzero"`
	PE        string     `json:"pe,omitempty"` // persistence engine, "sip"
	OnePacket bool       `json:"onePacket,omitempty"`
}

// RealServer is the configuration of one real server of a virtual service.
type RealServer struct {
	Addr   netip.Addr    `json:"addr"`
	Port   uint16        `json:"port"`
	Method Method        `json:"method"`
	Weight int           `json:"weight"`
	Upper  uint32        `json:"upper,omitempty"` // connections at which it closes; 0 none
	Lower  uint32        `json:"lower,omitempty"` // connections below which it opens again
	Tunnel TunnelOptions `json:"tunnel,omitzero"`
}

// TunnelOptions say how packets to a tunnelled real server are encapsulated.
type TunnelOptions struct {
	Type     string `json:"type,omitempty"`     // "" or "ipip", "gue", "gre"
	Port     uint16 `json:"port,omitempty"`     // GUE destination port
	Checksum string `json:"checksum,omitempty"` // "" or "nocsum", "csum", "remcsum"
}

// Endpoint is the identity of a real server within its service.
func (r RealServer) Endpoint() netip.AddrPort { return netip.AddrPortFrom(r.Addr, r.Port) }
