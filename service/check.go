package service

import (
	"math/bits"
	"net/netip"
	"slices"
	"time"
)

// Limits of what a service may ask for.
const (
	// MaxPersistent is the longest lifetime of a template: 31 days, ipvsadm's
	// MAX_TIMEOUT.
	MaxPersistent = 31 * 24 * time.Hour
	// MaxWeight is the largest weight; the kernel keeps weights in an int.
	MaxWeight = 1<<31 - 1
	// DefaultScheduler is used by a service that names none, as by ipvsadm.
	DefaultScheduler = "wlc"
)

// Normalize returns v in its one canonical form, or an error that names the
// first wrong value: addresses unmapped, the scheduler named, a contiguous
// Mask turned into Netmask, a mask always set. Whether the scheduler and its
// flags exist is for package sched to say.
func (v VirtualService) Normalize() (VirtualService, error) {
	var err error
	if v.Key, err = v.Key.normalize(); err != nil {
		return v, err
	}
	if v.Scheduler == "" {
		v.Scheduler = DefaultScheduler
	}
	v.SchedFlag = slices.Clone(v.SchedFlag)
	if err := v.check(); err != nil {
		return v, err
	}
	return v, v.normalizeMask()
}

// canonical drops what does not make a difference between keys.
func (k Key) canonical() Key {
	k.Addr = k.Addr.Unmap()
	if k.Mark == 0 {
		k.IPv6 = false
	}
	return k
}

func (k Key) normalize() (Key, error) {
	k = k.canonical()
	switch {
	case k.Mark != 0 && (k.Protocol != 0 || k.Addr.IsValid() || k.Port != 0):
		return k, invalid("service", k.String(), "a firewall mark or protocol, address and port, not both")
	case k.Mark != 0:
		return k, nil
	case k.Protocol != TCP && k.Protocol != UDP && k.Protocol != SCTP:
		return k, invalid("protocol", k.Protocol, "tcp, udp, sctp")
	case !k.Addr.IsValid() || k.Addr.Zone() != "":
		return k, invalid("virtual address", k.Addr, "an IP address without zone")
	}
	return k, nil
}

func (v *VirtualService) check() error {
	switch {
	case v.Port == 0 && v.Mark == 0 && v.Persistent == 0:
		return invalidAs(ErrZeroPort, "virtual port", 0, "1 to 65535, or 0 for a persistent service")
	case v.Persistent < 0 || v.Persistent > MaxPersistent || v.Persistent%time.Second != 0:
		return invalid("persistence timeout", v.Persistent, "whole seconds, 1 to 2678400, or 0 for none")
	case v.OnePacket && v.Mark == 0 && v.Protocol != UDP:
		return invalidAs(ErrOnePacket, "one-packet scheduling", v.Protocol, "only for udp services")
	case v.PE != "" && v.PE != "sip":
		return invalidAs(ErrNoEngine, "persistence engine", v.PE, "sip, or none")
	}
	return nil
}

// normalizeMask makes Netmask the prefix length, and leaves Mask set only for
// what no prefix length can say: a mask with gaps, and 0.0.0.0 since Netmask 0
// means "not given".
func (v *VirtualService) normalizeMask() error {
	full := v.bits()
	if v.Mask.IsValid() && (v.Is6() || !v.Mask.Is4()) {
		return invalid("netmask", v.Mask, "a dotted mask for IPv4 services only")
	}
	if n, ok := prefixLen(v.Mask); ok {
		v.Netmask, v.Mask = n, netip.Addr{}
	}
	if v.Netmask < 0 || v.Netmask > full {
		return invalid("netmask", v.Netmask, map[bool]string{false: "1 to 32", true: "1 to 128"}[v.Is6()])
	}
	if v.Netmask == 0 && !v.Mask.IsValid() {
		v.Netmask = full
	}
	if v.Mask.IsValid() {
		v.Netmask = 0
	}
	return nil
}

// prefixLen returns the length of a contiguous, non-zero IPv4 mask.
func prefixLen(mask netip.Addr) (int, bool) {
	if !mask.Is4() || mask.IsUnspecified() {
		return 0, false
	}
	b := mask.As4()
	m := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n := bits.LeadingZeros32(^m)
	return n, m<<n == 0
}

// Is6 reports whether the service balances IPv6.
func (k Key) Is6() bool { return k.IPv6 || k.Addr.Is6() }

func (k Key) bits() int {
	if k.Is6() {
		return 128
	}
	return 32
}

// ClientMask returns the mask that groups clients of a persistent service, to
// be ANDed with a 16-byte client address in which IPv4 is IPv4-mapped.
func (v VirtualService) ClientMask() (m [16]byte) {
	ones := v.Netmask
	if ones == 0 && !v.Mask.IsValid() {
		ones = v.bits()
	}
	if !v.Is6() {
		ones += 96
	}
	for i := range ones {
		m[i/8] |= 0x80 >> (i % 8)
	}
	if v.Mask.Is4() {
		a := v.Mask.As4()
		copy(m[12:], a[:])
	}
	return m
}
