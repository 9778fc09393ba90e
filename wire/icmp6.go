package wire

import "encoding/binary"

// ICMPv6 types (RFC 4443; RFC 4861 for neighbour discovery). Those below
// ICMP6Echo are errors.
const (
	ICMP6Unreachable     uint8 = 1
	ICMP6TooBig          uint8 = 2
	ICMP6TimeExceeded    uint8 = 3
	ICMP6ParamProblem    uint8 = 4
	ICMP6Echo            uint8 = 128
	ICMP6EchoReply       uint8 = 129
	ICMP6RouterSolicit   uint8 = 133
	ICMP6RouterAdvert    uint8 = 134
	ICMP6NeighbourAsk    uint8 = 135 // neighbour solicitation
	ICMP6NeighbourAnswer uint8 = 136 // neighbour advertisement
	ICMP6Redirect        uint8 = 137
)

// Codes of ICMP6Unreachable and ICMP6TimeExceeded.
const (
	ICMP6NoRoute          uint8 = 0
	ICMP6AddrUnreachable  uint8 = 3
	ICMP6PortUnreachable  uint8 = 4
	ICMP6HopLimitExceeded uint8 = 0
)

// ICMP6ChecksumOffset is the checksum field's, from the ICMPv6 header.
const ICMP6ChecksumOffset = 2

// ICMPv6 is an ICMPv6 message from its header on (RFC 4443 section 2.1). Its
// checksum, unlike that of ICMP, covers a pseudo-header.
type ICMPv6 []byte

// Type returns the message type.
func (h ICMPv6) Type() uint8 { return h[0] }

// Code returns the code.
func (h ICMPv6) Code() uint8 { return h[1] }

// Checksum returns the checksum field.
func (h ICMPv6) Checksum() uint16 { return binary.BigEndian.Uint16(h[2:]) }

// MTU returns the next hop's MTU in bytes, of ICMP6TooBig.
func (h ICMPv6) MTU() uint32 { return binary.BigEndian.Uint32(h[4:]) }

// Payload returns the bytes after the 8-byte header: of an error, the quoted
// packet, whose end may be missing.
func (h ICMPv6) Payload() []byte { return h[ICMPLen:] }

// SetType writes the message type.
func (h ICMPv6) SetType(v uint8) { h[0] = v }

// SetCode writes the code.
func (h ICMPv6) SetCode(v uint8) { h[1] = v }

// SetChecksum writes the checksum field.
func (h ICMPv6) SetChecksum(v uint16) { binary.BigEndian.PutUint16(h[2:], v) }

// SetRest writes the last four bytes of the header: of ICMP6TooBig the MTU.
func (h ICMPv6) SetRest(v uint32) { binary.BigEndian.PutUint32(h[4:], v) }

// FillChecksum computes the checksum over all of h and the pseudo-header of a
// packet from src to dst, from nothing, and writes it.
func (h ICMPv6) FillChecksum(src, dst Addr) {
	h.SetChecksum(0)
	h.SetChecksum(Checksum(h, PseudoSum(src, dst, ProtoICMPv6, len(h))))
}

// ChecksumOK reports whether all of h verifies in a packet from src to dst.
func (h ICMPv6) ChecksumOK(src, dst Addr) bool {
	return Checksum(h, PseudoSum(src, dst, ProtoICMPv6, len(h))) == 0
}

// ICMP6TypeIsError reports whether an ICMPv6 message of type t is an error,
// which quotes a packet. Redirects are none.
func ICMP6TypeIsError(t uint8) bool { return t < ICMP6Echo }
