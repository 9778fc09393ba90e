package wiretest

import (
	"encoding/binary"
	"fmt"
	"testing"

	"ulvs/wire"
)

// SCTP makes a packet of a common header and chunks (see Chunk). With
// WithPartial its CRC32c is zero, as the kernel leaves it to the device.
func SCTP(f Flow, chunks []byte, opts ...Option) *wire.Packet {
	h := make([]byte, wire.SCTPLen)
	if len(chunks) > 0 && chunks[0] != wire.SCTPInit {
		binary.BigEndian.PutUint32(h[4:], 0x11223344)
	}
	return newSpec(opts).transport(f, wire.ProtoSCTP, h, chunks)
}

// Chunk makes an SCTP chunk without flags, padded to a multiple of 4 bytes.
// Several are bundled by appending them.
func Chunk(typ uint8, value []byte) []byte {
	b := []byte{typ, 0, 0, 0}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+len(value)))
	return pad4(append(b, value...))
}

// crc writes the CRC32c of b, whose field is zero.
func (s *spec) crc(b []byte) {
	if !s.partial {
		binary.LittleEndian.PutUint32(b[wire.SCTPChecksumOffset:], SlowCRC32c(b)^uint32(s.spoil))
	}
}

// SlowCRC32c is the CRC32c of b, bit by bit as RFC 9260 appendix A says it: the
// oracle for wire.SCTP.ComputeChecksum.
func SlowCRC32c(b []byte) uint32 {
	const reflected = 0x82f63b78 // the polynomial 0x1edc6f41, lowest bit first
	crc := ^uint32(0)
	for _, v := range b {
		crc ^= uint32(v)
		for range 8 {
			low := crc & 1
			crc = crc>>1 ^ low*reflected
		}
	}
	return ^crc
}

// crc is the SCTP part of ValidChecksums.
func (d *Decoded) crc() error {
	b := append([]byte(nil), d.IPPayload...)
	field := b[wire.SCTPChecksumOffset:wire.SCTPLen]
	got := binary.LittleEndian.Uint32(field)
	clear(field)
	if d.Offload.Partial() {
		return equal("partial CRC32c", got, 0)
	}
	return equal("CRC32c", got, SlowCRC32c(b))
}

// FirstChunk checks the type of an SCTP packet's first chunk.
func FirstChunk(typ uint8) Checker {
	return func(_ testing.TB, d *Decoded) error {
		if d.SCTP == nil || len(d.SCTP.Payload) == 0 {
			return fmt.Errorf("no SCTP chunk, want type %d", typ)
		}
		return equal("type of the first chunk", d.SCTP.Payload[0], typ)
	}
}
