package wire

import (
	"encoding/binary"
	"hash/crc32"
)

// SCTPChecksumOffset is the offset of the CRC32c from the common header, as
// Offload.CsumOffset holds it.
const SCTPChecksumOffset = 8

// sctpChunkLen is the length in bytes of a chunk's type, flags and length.
const sctpChunkLen = 4

// Types of SCTP chunks (RFC 9260 section 3.2; ECNE and CWR: appendix A).
const (
	SCTPData             uint8 = 0
	SCTPInit             uint8 = 1
	SCTPInitAck          uint8 = 2
	SCTPSack             uint8 = 3
	SCTPHeartbeat        uint8 = 4
	SCTPHeartbeatAck     uint8 = 5
	SCTPAbort            uint8 = 6
	SCTPShutdown         uint8 = 7
	SCTPShutdownAck      uint8 = 8
	SCTPError            uint8 = 9
	SCTPCookieEcho       uint8 = 10
	SCTPCookieAck        uint8 = 11
	SCTPShutdownComplete uint8 = 14
)

// SCTP is a packet from its common header on (RFC 9260 section 3.1). After
// Parse it has at least one chunk header, and the first chunk ends in it unless
// it is a fragment.
type SCTP []byte

// SrcPort returns the source port.
func (h SCTP) SrcPort() uint16 { return binary.BigEndian.Uint16(h[0:]) }

// DstPort returns the destination port.
func (h SCTP) DstPort() uint16 { return binary.BigEndian.Uint16(h[2:]) }

// VerificationTag returns the receiver's tag, 0 with INIT.
func (h SCTP) VerificationTag() uint32 { return binary.BigEndian.Uint32(h[4:]) }

// Checksum returns the CRC32c field, whose bytes are in the order of RFC 9260
// appendix A: the least significant first.
func (h SCTP) Checksum() uint32 { return binary.LittleEndian.Uint32(h[SCTPChecksumOffset:]) }

// SetSrcPort writes the source port; the checksum is left as it is.
func (h SCTP) SetSrcPort(v uint16) { binary.BigEndian.PutUint16(h[0:], v) }

// SetDstPort writes the destination port; the checksum is left as it is.
func (h SCTP) SetDstPort(v uint16) { binary.BigEndian.PutUint16(h[2:], v) }

// SetChecksum writes the CRC32c field.
func (h SCTP) SetChecksum(v uint32) { binary.LittleEndian.PutUint32(h[SCTPChecksumOffset:], v) }

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	noCRC      [4]byte // stands for the field; a variable so that no call allocates it
)

// ComputeChecksum returns the CRC32c of the whole packet with its field taken
// as zero. There is no pseudo-header: addresses do not change it.
func (h SCTP) ComputeChecksum() uint32 {
	c := crc32.Update(0, castagnoli, h[:SCTPChecksumOffset])
	c = crc32.Update(c, castagnoli, noCRC[:])
	return crc32.Update(c, castagnoli, h[SCTPLen:])
}

// FillChecksum writes the right CRC32c. The packet must be whole.
func (h SCTP) FillChecksum() { h.SetChecksum(h.ComputeChecksum()) }

// ChecksumOK reports whether the CRC32c is right. The packet must be whole.
func (h SCTP) ChecksumOK() bool { return h.Checksum() == h.ComputeChecksum() }

// First returns the first chunk and what follows it.
func (h SCTP) First() SCTPChunk { return SCTPChunk(h[SCTPLen:]) }

// Signal returns the type of the chunk that tells what becomes of the
// association: the first, but an ABORT right behind a COOKIE-ECHO or COOKIE-ACK
// instead of these. An ABORT may be bundled behind other control chunks too, but
// ip_vs looks for it in these places only (RFC 9260 section 3.3.7; kernel
// ip_vs_proto_sctp.c, set_sctp_state).
func (h SCTP) Signal() uint8 {
	typ := h[SCTPLen]
	if typ == SCTPCookieEcho || typ == SCTPCookieAck {
		if next, ok := h.First().Next(); ok && next.Type() == SCTPAbort {
			return SCTPAbort
		}
	}
	return typ
}

// SCTPChunk is a chunk from its header on, and all chunks behind it (RFC 9260
// section 3.2).
type SCTPChunk []byte

// Type returns the type of the chunk.
func (c SCTPChunk) Type() uint8 { return c[0] }

// Length returns the length of header and value in bytes, without padding.
func (c SCTPChunk) Length() int { return int(binary.BigEndian.Uint16(c[2:])) }

// Next returns the chunk behind c; ok is false if no whole header of one is
// there or if c's length is below that of its own header.
func (c SCTPChunk) Next() (next SCTPChunk, ok bool) {
	n := (c.Length() + 3) &^ 3
	if n < sctpChunkLen || len(c)-n < sctpChunkLen {
		return nil, false
	}
	return c[n:], true
}

// parseSCTP decodes an SCTP common header and holds the first chunk's length
// against the packet; the chunks behind it are the receiver's to judge.
func parseSCTP(p *Packet, b []byte) Fault {
	if len(b) < SCTPLen+sctpChunkLen {
		return FaultShortSCTP
	}
	p.setPorts(b)
	n := SCTP(b).First().Length()
	if n < sctpChunkLen {
		return FaultSCTPChunkSmall
	}
	if n > len(b)-SCTPLen && !p.MoreFrags {
		return FaultSCTPChunkBeyond
	}
	return FaultNone
}
