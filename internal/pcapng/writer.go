package pcapng

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"
	"unicode/utf8"
)

// Block types and option codes (draft-ietf-opsawg-pcapng, sections 3.1 to 4.4).
const (
	blockSection   = 0x0A0D0D0A
	blockInterface = 1
	blockPacket    = 6 // enhanced packet

	byteOrderMagic = 0x1A2B3C4D
	linkEthernet   = 1

	optEnd         = 0
	optComment     = 1
	optApplication = 4 // of the section: shb_userappl
	optName        = 2 // of an interface: if_name
	optDescription = 3 // if_description
	optResolution  = 9 // if_tsresol
	optFlags       = 2 // of a packet: epb_flags
	optPacketID    = 5 // epb_packetid
)

// nanoseconds is the value of if_tsresol for a resolution of 10^-9 s.
const nanoseconds = 9

// maxComment bounds a comment; the format's own bound is 65535 bytes.
const maxComment = 32 << 10

// Direction is that of a packet, as epb_flags has it in its lowest bits.
type Direction uint32

// Directions.
const (
	Unknown  Direction = 0
	Inbound  Direction = 1
	Outbound Direction = 2
)

// Interface describes where packets were seen.
type Interface struct {
	Name        string
	Description string // may be empty
}

// Packet is one record.
type Packet struct {
	Interface int // by the order of the interfaces, from 0
	Time      time.Time
	Data      []byte // from the Ethernet header on; cut to the snap length
	Length    int    // of the frame, if Data is not all of it
	Direction Direction
	// ID is the same on all records of one packet; 0 for none.
	ID uint64
	// Comment is UTF-8; bytes that are not are replaced.
	Comment string
}

// Writer writes one section. The first failure is returned by all later calls.
type Writer struct {
	w       io.Writer
	snapLen int
	ifaces  int
	written int64
	block   []byte // under construction
	err     error
}

// NewWriter begins a section. application names who writes; of each frame at
// most snapLen bytes are kept, all if it is 0.
func NewWriter(w io.Writer, application string, snapLen int) (*Writer, error) {
	if snapLen < 0 || snapLen > math.MaxInt32 {
		return nil, fmt.Errorf("snap length %d is not from 0 to %d", snapLen, math.MaxInt32)
	}
	p := &Writer{w: w, snapLen: snapLen}
	p.begin(blockSection)
	p.u32(byteOrderMagic)
	p.u16(1) // version 1.0
	p.u16(0)
	p.u64(math.MaxUint64) // length of the section: not told
	p.option(optApplication, []byte(application))
	return p, p.end()
}

// AddInterface describes the next interface and returns its number.
func (p *Writer) AddInterface(i Interface) (number int, err error) {
	p.begin(blockInterface)
	p.u16(linkEthernet)
	p.u16(0) // reserved
	p.u32(uint32(p.snapLen))
	p.text(optName, i.Name)
	p.text(optDescription, i.Description)
	p.option(optResolution, []byte{nanoseconds})
	p.ifaces++
	return p.ifaces - 1, p.end()
}

// Interfaces returns how many there are.
func (p *Writer) Interfaces() int { return p.ifaces }

// Written returns the bytes written so far.
func (p *Writer) Written() int64 { return p.written }

// WritePacket appends a record.
func (p *Writer) WritePacket(r *Packet) error {
	if r.Interface < 0 || r.Interface >= p.ifaces {
		return fmt.Errorf("packet of interface %d, of which there are %d", r.Interface, p.ifaces)
	}
	data := r.Data
	if p.snapLen > 0 && len(data) > p.snapLen {
		data = data[:p.snapLen]
	}
	ns := uint64(r.Time.UnixNano())
	p.begin(blockPacket)
	p.u32(uint32(r.Interface))
	p.u32(uint32(ns >> 32))
	p.u32(uint32(ns))
	p.u32(uint32(len(data)))
	p.u32(uint32(max(len(r.Data), r.Length)))
	p.padded(data)
	p.text(optComment, r.Comment)
	if r.Direction != Unknown {
		p.option(optFlags, binary.LittleEndian.AppendUint32(nil, uint32(r.Direction)))
	}
	if r.ID != 0 {
		p.option(optPacketID, binary.LittleEndian.AppendUint64(nil, r.ID))
	}
	return p.end()
}

// begin starts a block; its length is filled in by end.
func (p *Writer) begin(kind uint32) {
	p.block = p.block[:0]
	p.u32(kind)
	p.u32(0)
}

// end finishes the block's options, each block having some, and writes it.
func (p *Writer) end() error {
	p.option(optEnd, nil)
	size := uint32(len(p.block) + 4)
	p.u32(size)
	binary.LittleEndian.PutUint32(p.block[4:], size)
	if p.err != nil {
		return p.err
	}
	n, err := p.w.Write(p.block)
	p.written += int64(n)
	p.err = err
	return err
}

// text appends an option of text, nothing if it is empty.
func (p *Writer) text(code uint16, s string) {
	if s == "" {
		return
	}
	if len(s) > maxComment {
		s = s[:maxComment]
	}
	b := []byte(s)
	if !utf8.Valid(b) {
		b = []byte(string([]rune(s)))
	}
	p.option(code, b)
}

// option appends an option with its padding.
func (p *Writer) option(code uint16, value []byte) {
	p.u16(code)
	p.u16(uint16(len(value)))
	p.padded(value)
}

// padded appends bytes and fills up to a multiple of four with zeros.
func (p *Writer) padded(b []byte) {
	p.block = append(p.block, b...)
	for len(p.block)%4 != 0 {
		p.block = append(p.block, 0)
	}
}

func (p *Writer) u16(v uint16) { p.block = binary.LittleEndian.AppendUint16(p.block, v) }
func (p *Writer) u32(v uint32) { p.block = binary.LittleEndian.AppendUint32(p.block, v) }
func (p *Writer) u64(v uint64) { p.block = binary.LittleEndian.AppendUint64(p.block, v) }
