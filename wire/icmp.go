package wire

import "encoding/binary"

// ICMP types (RFC 792).
const (
	ICMPEchoReply    uint8 = 0
	ICMPUnreachable  uint8 = 3
	ICMPSourceQuench uint8 = 4
	ICMPRedirect     uint8 = 5
	ICMPEcho         uint8 = 8
	ICMPTimeExceeded uint8 = 11
	ICMPParamProblem uint8 = 12
)

// Codes of ICMPUnreachable and ICMPTimeExceeded.
const (
	ICMPNetUnreachable  uint8 = 0
	ICMPHostUnreachable uint8 = 1
	ICMPPortUnreachable uint8 = 3
	ICMPFragNeeded      uint8 = 4 // RFC 1191 section 4
	ICMPTTLExceeded     uint8 = 0
)

// ICMPv4 is an ICMP message from its header on (RFC 792).
type ICMPv4 []byte

// Type returns the message type.
func (h ICMPv4) Type() uint8 { return h[0] }

// Code returns the code.
func (h ICMPv4) Code() uint8 { return h[1] }

// Checksum returns the checksum field.
func (h ICMPv4) Checksum() uint16 { return binary.BigEndian.Uint16(h[2:]) }

// ID returns the identifier of an echo message.
func (h ICMPv4) ID() uint16 { return binary.BigEndian.Uint16(h[4:]) }

// Seq returns the sequence number of an echo message.
func (h ICMPv4) Seq() uint16 { return binary.BigEndian.Uint16(h[6:]) }

// MTU returns the next hop's MTU in bytes, of ICMPFragNeeded (RFC 1191).
func (h ICMPv4) MTU() uint16 { return binary.BigEndian.Uint16(h[6:]) }

// IsError reports whether the message is about another packet, which it
// quotes (RFC 1122 section 3.2.2). Redirects are errors too.
func (h ICMPv4) IsError() bool { return ICMPTypeIsError(h[0]) }

// Payload returns the bytes after the 8-byte header: of an error, the quoted
// packet, whose end may be missing.
func (h ICMPv4) Payload() []byte { return h[ICMPLen:] }

// SetType writes the message type.
func (h ICMPv4) SetType(v uint8) { h[0] = v }

// SetCode writes the code.
func (h ICMPv4) SetCode(v uint8) { h[1] = v }

// SetChecksum writes the checksum field.
func (h ICMPv4) SetChecksum(v uint16) { binary.BigEndian.PutUint16(h[2:], v) }

// SetRest writes the last four bytes of the header: identifier and sequence
// number, or unused and MTU.
func (h ICMPv4) SetRest(hi, lo uint16) {
	binary.BigEndian.PutUint16(h[4:], hi)
	binary.BigEndian.PutUint16(h[6:], lo)
}

// FillChecksum computes the checksum over all of h from nothing and writes it.
func (h ICMPv4) FillChecksum() {
	h.SetChecksum(0)
	h.SetChecksum(Checksum(h, 0))
}

// ChecksumOK reports whether all of h verifies.
func (h ICMPv4) ChecksumOK() bool { return Checksum(h, 0) == 0 }

// ICMPTypeIsError reports whether an ICMP message of type t quotes a packet.
func ICMPTypeIsError(t uint8) bool {
	switch t {
	case ICMPUnreachable, ICMPSourceQuench, ICMPRedirect, ICMPTimeExceeded, ICMPParamProblem:
		return true
	}
	return false
}
