package afpacket

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/net/bpf"
)

// Version is a layout of the receive ring (kernel
// Documentation/networking/packet_mmap.rst). The zero value means V2.
type Version uint8

const (
	// V2 hands each frame over at once: microseconds.
	V2 Version = 2
	// V3 hands over blocks of frames, a block not before it is full or 1 ms
	// old. It passes up to a fifth more small packets and delays every one.
	V3 Version = 3
)

// Geometry is the size of a receive ring. A zero field means its default.
type Geometry struct {
	Version   Version
	SlotSize  int // bytes for one frame with its headers; V2 only
	Slots     int // V2: frames; V3: blocks
	BlockSize int // bytes in one piece, a multiple of the page size
}

// Defaults. A slot holds the largest super-frame of the usual
// gso_max_size (65,536 bytes) with what lies before it; 30 slots fill a block
// of 2 MiB, which the kernel allocates without waste. 4,140 slots
// outlast the 8 to 10 ms for which a hypervisor may take the processor at
// 300,000 packets/s, where 2,070 lose packets (`ulvs bench weight-change`).
const (
	defaultSlotSize  = 69888
	defaultBlockSize = 2 << 20
	DefaultSlots     = 4140 // 138 blocks, 276 MiB

	defaultBlockSize3 = 256 << 10
	DefaultBlocks3    = 64 // 16 MiB
)

// MaxSlots is the most slots of default size that one ring can have.
const MaxSlots = maxRing / defaultBlockSize * (defaultBlockSize / defaultSlotSize)

// maxRing is the largest ring in bytes that Open asks the kernel for. The
// kernel counts rings in 32 bits.
const maxRing = 4<<30 - 1

func (g Geometry) withDefaults() Geometry {
	block, slots := defaultBlockSize, DefaultSlots
	if g.Version == 0 {
		g.Version = V2
	}
	if g.Version == V3 {
		block, slots = defaultBlockSize3, DefaultBlocks3
	}
	g.SlotSize = orDefault(g.SlotSize, defaultSlotSize)
	g.Slots = orDefault(g.Slots, slots)
	g.BlockSize = orDefault(g.BlockSize, block)
	return g
}

func orDefault(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}

// check reports what the kernel would refuse with a bare EINVAL.
func (g Geometry) check() error {
	page := os.Getpagesize()
	switch {
	case g.Version != V2 && g.Version != V3:
		return fmt.Errorf("ring version %d: want 2 or 3", g.Version)
	case g.BlockSize < page || g.BlockSize%page != 0:
		return fmt.Errorf("ring block size %d: want a positive multiple of the page size %d", g.BlockSize, page)
	case g.SlotSize < minSlot || g.SlotSize%slotAlign != 0:
		return fmt.Errorf("ring slot size %d: want a multiple of %d, at least %d", g.SlotSize, slotAlign, minSlot)
	case g.Version == V2 && g.SlotSize > g.BlockSize:
		return fmt.Errorf("ring slot size %d: want at most the block size %d", g.SlotSize, g.BlockSize)
	case g.Slots < 1:
		return fmt.Errorf("ring slots %d: want at least 1", g.Slots)
	case g.Bytes() > maxRing:
		return fmt.Errorf("ring of %d MiB: want at most %d MiB, use fewer slots (--ring-slots)", g.Bytes()>>20, maxRing>>20)
	}
	return nil
}

// perBlock returns the number of V2 slots in a block.
func (g Geometry) perBlock() int { return g.BlockSize / g.SlotSize }

// blocks returns the number of blocks; slots are rounded up to whole blocks.
func (g Geometry) blocks() int {
	if g.Version == V3 {
		return g.Slots
	}
	return (g.Slots + g.perBlock() - 1) / g.perBlock()
}

// Fit returns g with as many slots as lie in so many bytes; with none, Slots is
// negative.
func (g Geometry) Fit(bytes int64) Geometry {
	full := g.withDefaults()
	g.Slots = int(min(bytes, maxRing) / int64(full.BlockSize))
	if full.Version == V2 {
		g.Slots *= full.perBlock()
	}
	if g.Slots == 0 {
		g.Slots = -1 // 0 would be the default
	}
	return g
}

// Bytes returns the memory that the ring takes, in bytes.
func (g Geometry) Bytes() int {
	g = g.withDefaults()
	return g.blocks() * g.BlockSize
}

// Options say which interface a Port is for and how it is set up.
type Options struct {
	Interface string
	PortID    uint16 // In of every packet received
	Ring      Geometry
	// Fanout, shared by the ports of several workers on one interface,
	// spreads its flows over them. nil: this port gets all frames.
	Fanout *Fanout
	// Filter is a classic BPF program: frames for which it returns 0 do not
	// enter the ring. nil lets all in.
	Filter []bpf.RawInstruction
	// QdiscBypass sends past the interface's queueing discipline. It gains
	// less than 1 % and loses super-frames on devices that cannot segment.
	QdiscBypass bool
	// Queue is the transmit queue that SetXDP takes. Each has room for one
	// such sender.
	Queue int
}

func (o *Options) check() error {
	if o.Interface == "" {
		return errors.New("no interface given")
	}
	return o.Ring.check()
}

// The room before a frame in its slot. The kernel puts a frame's network
// header at align16(52+16) + 10 + reserve; with this reserve the virtio-net
// header begins at offset 128, so that a small packet's offload header and all
// headers up to TCP's checksum lie in one cache line, and 74 bytes are ours
// between the kernel's slot header and the frame.
const (
	reserve   = 62
	bufStart  = 64 // of Packet.Buf in a V2 slot: the first cache line is the kernel's
	slotAlign = 16 // TPACKET_ALIGNMENT
	minSlot   = 256
)
