package wire

import "encoding/binary"

// OffloadLen is the size in bytes of struct virtio_net_hdr, which a packet
// socket with PACKET_VNET_HDR puts just before each frame.
const OffloadLen = 10

// Offload is the virtio-net header of a frame (virtio 1.1 section 5.1.6): what
// the sender left for the device to do. The zero value means nothing: checksums
// are finished and the frame is no larger than the MTU.
type Offload struct {
	Flags      uint8
	GSOType    uint8
	HdrLen     uint16 // bytes of headers from the frame's start; a hint
	GSOSize    uint16 // payload bytes of each segment
	CsumStart  uint16 // offset from the frame's start at which summing begins
	CsumOffset uint16 // offset of the checksum field from CsumStart
}

// Flags of Offload.
const (
	NeedsCsum uint8 = 1 // the checksum field holds only the pseudo-header sum
	DataValid uint8 = 2 // the receiver need not verify the checksum
)

// Kinds of super-frame.
const (
	GSONone  uint8 = 0
	GSOTCPv4 uint8 = 1
	GSOUDP   uint8 = 3 // UDP fragmentation offload: IP fragments
	GSOTCPv6 uint8 = 4
	GSOUDPL4 uint8 = 5 // UDP segmentation offload: datagrams
	GSOECN   uint8 = 0x80
)

// Partial reports whether the transport checksum is yet to be finished.
func (o *Offload) Partial() bool { return o.Flags&NeedsCsum != 0 }

// GSO returns the kind of super-frame without the ECN bit, or GSONone.
func (o *Offload) GSO() uint8 { return o.GSOType &^ GSOECN }

// Decode reads the header from b, which holds at least OffloadLen bytes in
// host byte order, as the kernel leaves them.
func (o *Offload) Decode(b []byte) {
	_ = b[OffloadLen-1]
	o.Flags, o.GSOType = b[0], b[1]
	o.HdrLen = binary.NativeEndian.Uint16(b[2:])
	o.GSOSize = binary.NativeEndian.Uint16(b[4:])
	o.CsumStart = binary.NativeEndian.Uint16(b[6:])
	o.CsumOffset = binary.NativeEndian.Uint16(b[8:])
}

// Encode writes the header to b, which holds at least OffloadLen bytes.
func (o *Offload) Encode(b []byte) {
	_ = b[OffloadLen-1]
	b[0], b[1] = o.Flags, o.GSOType
	binary.NativeEndian.PutUint16(b[2:], o.HdrLen)
	binary.NativeEndian.PutUint16(b[4:], o.GSOSize)
	binary.NativeEndian.PutUint16(b[6:], o.CsumStart)
	binary.NativeEndian.PutUint16(b[8:], o.CsumOffset)
}
