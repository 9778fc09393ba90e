package wire

import "encoding/binary"

// Offsets of the checksum field from the transport header, as
// Offload.CsumOffset holds them.
const (
	TCPChecksumOffset = 16
	UDPChecksumOffset = 6
)

// TCP is a segment from its header on (RFC 9293 section 3.1).
type TCP []byte

// SrcPort returns the source port.
func (h TCP) SrcPort() uint16 { return binary.BigEndian.Uint16(h[0:]) }

// DstPort returns the destination port.
func (h TCP) DstPort() uint16 { return binary.BigEndian.Uint16(h[2:]) }

// Seq returns the sequence number.
func (h TCP) Seq() uint32 { return binary.BigEndian.Uint32(h[4:]) }

// AckNum returns the acknowledgment number.
func (h TCP) AckNum() uint32 { return binary.BigEndian.Uint32(h[8:]) }

// HeaderLen returns the data offset in bytes: the header with its options.
func (h TCP) HeaderLen() int { return int(h[12]>>4) * 4 }

// Flags returns the low eight flag bits.
func (h TCP) Flags() uint8 { return h[13] }

// Window returns the window field, unscaled.
func (h TCP) Window() uint16 { return binary.BigEndian.Uint16(h[14:]) }

// Checksum returns the checksum field.
func (h TCP) Checksum() uint16 { return binary.BigEndian.Uint16(h[16:]) }

// Urgent returns the urgent pointer.
func (h TCP) Urgent() uint16 { return binary.BigEndian.Uint16(h[18:]) }

// Options returns the bytes between the fixed header and the payload.
func (h TCP) Options() []byte { return h[TCPLen:h.HeaderLen()] }

// Payload returns the bytes after the header.
func (h TCP) Payload() []byte { return h[h.HeaderLen():] }

// SetSrcPort writes the source port; the checksum is left as it is.
func (h TCP) SetSrcPort(v uint16) { binary.BigEndian.PutUint16(h[0:], v) }

// SetDstPort writes the destination port; the checksum is left as it is.
func (h TCP) SetDstPort(v uint16) { binary.BigEndian.PutUint16(h[2:], v) }

// SetSeq writes the sequence number.
func (h TCP) SetSeq(v uint32) { binary.BigEndian.PutUint32(h[4:], v) }

// SetAckNum writes the acknowledgment number.
func (h TCP) SetAckNum(v uint32) { binary.BigEndian.PutUint32(h[8:], v) }

// SetHeaderLen writes the data offset; n is in bytes, a multiple of 4. The
// reserved bits become zero.
func (h TCP) SetHeaderLen(n int) { h[12] = uint8(n / 4 << 4) }

// SetFlags writes the low eight flag bits.
func (h TCP) SetFlags(v uint8) { h[13] = v }

// SetWindow writes the window field.
func (h TCP) SetWindow(v uint16) { binary.BigEndian.PutUint16(h[14:], v) }

// SetChecksum writes the checksum field.
func (h TCP) SetChecksum(v uint16) { binary.BigEndian.PutUint16(h[16:], v) }

// UDP is a datagram from its header on (RFC 768).
type UDP []byte

// SrcPort returns the source port.
func (h UDP) SrcPort() uint16 { return binary.BigEndian.Uint16(h[0:]) }

// DstPort returns the destination port.
func (h UDP) DstPort() uint16 { return binary.BigEndian.Uint16(h[2:]) }

// Length returns the length of header and payload in bytes.
func (h UDP) Length() int { return int(binary.BigEndian.Uint16(h[4:])) }

// Checksum returns the checksum field; 0 means that there is none.
func (h UDP) Checksum() uint16 { return binary.BigEndian.Uint16(h[6:]) }

// Payload returns the bytes from the header to the UDP length.
func (h UDP) Payload() []byte { return h[UDPLen:h.Length()] }

// SetSrcPort writes the source port; the checksum is left as it is.
func (h UDP) SetSrcPort(v uint16) { binary.BigEndian.PutUint16(h[0:], v) }

// SetDstPort writes the destination port; the checksum is left as it is.
func (h UDP) SetDstPort(v uint16) { binary.BigEndian.PutUint16(h[2:], v) }

// SetLength writes the length of header and payload in bytes.
func (h UDP) SetLength(n int) { binary.BigEndian.PutUint16(h[4:], uint16(n)) }

// SetChecksum writes the checksum field as it is; see UDPZero.
func (h UDP) SetChecksum(v uint16) { binary.BigEndian.PutUint16(h[6:], v) }
