package wire

// Delta is what a rewrite does to a checksum: the sum of ~old + new over the
// 16-bit words that changed (RFC 1624 equation 3). Deltas add with +; one may
// be kept and applied to the checksums of many packets.
type Delta uint32

// Diff16 is the Delta of one aligned 16-bit word, such as a port.
func Diff16(from, to uint16) Delta { return Delta(^from) + Delta(to) }

// DiffAddr is the Delta of an address, IPv4 or IPv6, in either a
// pseudo-header or an IPv4 header. The IPv4-mapped prefix cancels out.
func DiffAddr(from, to Addr) Delta {
	// The complement of a sum of n words stands for -sum in one's complement.
	return Delta(^Fold(from.sum())) + Delta(Fold(to.sum()))
}

// Update returns the finished checksum sum after the change. A wrong checksum
// stays wrong by the same amount.
func (d Delta) Update(sum uint16) uint16 {
	return ^Fold(uint64(^sum) + uint64(d))
}

// UpdateUDP is Update with UDP's zero rules: a datagram without a checksum
// stays without one, and a computed zero is sent as all ones (RFC 768).
func (d Delta) UpdateUDP(sum uint16) uint16 {
	if sum == 0 {
		return 0
	}
	return UDPZero(d.Update(sum))
}

// UpdatePartial returns the checksum field of a packet whose checksum is left
// to the device (Offload.Partial) after the change. The field holds the
// pseudo-header sum alone, uncomplemented: d must be of addresses only, never
// of ports or payload, which the device will sum as it finds them.
func (d Delta) UpdatePartial(sum uint16) uint16 {
	return Fold(uint64(sum) + uint64(d))
}

// UDPZero turns a computed zero into all ones, since zero in the field of a
// UDP header says that there is no checksum (RFC 768).
func UDPZero(sum uint16) uint16 {
	if sum == 0 {
		return 0xffff
	}
	return sum
}
