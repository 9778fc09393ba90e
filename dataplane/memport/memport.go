package memport

import (
	"sync"

	"ulvs/wire"
)

// Frame is one frame with what a device tells about it beside its bytes.
type Frame struct {
	Data     []byte // from the Ethernet header on
	Type     wire.PacketType
	Clipped  bool
	HasVLAN  bool
	VLANTCI  uint16
	VLANTPID uint16
	Offload  wire.Offload
}

// Stats counts what went through a Port, in frames.
type Stats struct {
	Received uint64 // handed out by Receive
	Sent     uint64
	Refused  uint64 // given to Send and refused by the function of Refuse
}

// Port is a network interface in memory.
type Port struct {
	id     uint16
	notify func() // set by NewWaiter; called after frames were injected

	mu      sync.Mutex // guards all below
	queue   []*slot    // injected, from head on not yet received
	head    int
	lent    []*slot // received, not yet released
	sent    []*slot // since the last Reset
	free    []*slot // memory to use again
	discard bool
	poison  bool
	refuse  func(*wire.Packet) bool
	stats   Stats
}

// New returns an empty port whose packets carry id as their In.
func New(id uint16) *Port { return &Port{id: id} }

// ID returns the number that the port's packets carry as In.
func (p *Port) ID() uint16 { return p.id }

// Inject puts plain frames into the port as if they had arrived. The bytes are
// copied.
func (p *Port) Inject(frames ...[]byte) {
	p.mu.Lock()
	for _, data := range frames {
		p.queue = append(p.queue, p.take(data))
	}
	p.mu.Unlock()
	p.wake()
}

// InjectFrames is Inject for frames with offload header, VLAN tag or type.
func (p *Port) InjectFrames(frames ...Frame) {
	p.mu.Lock()
	for i := range frames {
		p.queue = append(p.queue, p.takeFrame(&frames[i]))
	}
	p.mu.Unlock()
	p.wake()
}

func (p *Port) wake() {
	if p.notify != nil {
		p.notify()
	}
}

// Receive implements dataplane.Port.
func (p *Port) Receive(pkts []wire.Packet) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(pkts), len(p.queue)-p.head)
	for i := range n {
		s := p.queue[p.head+i]
		p.lent = append(p.lent, s)
		p.hand(&pkts[i], s)
	}
	p.head += n
	if p.head == len(p.queue) {
		p.queue, p.head = p.queue[:0], 0
	}
	p.stats.Received += uint64(n)
	return n
}

func (p *Port) hand(pkt *wire.Packet, s *slot) {
	f := &s.frame
	pkt.Buf = s.mem
	pkt.Start, pkt.End = wire.Headroom, len(s.mem)
	pkt.In, pkt.Out = p.id, 0
	pkt.PktType, pkt.Clipped = f.Type, f.Clipped
	pkt.HasVLAN, pkt.VLANTCI, pkt.VLANTPID = f.HasVLAN, f.VLANTCI, f.VLANTPID
	pkt.Offload = f.Offload
}

// Release implements dataplane.Port.
func (p *Port) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lent = p.recycle(p.lent)
}

// Send implements dataplane.Port. It keeps a copy of each frame for Sent,
// unless Discard was called.
func (p *Port) Send(pkts []*wire.Packet) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, pkt := range pkts {
		if p.refuse != nil && p.refuse(pkt) {
			p.stats.Refused++
			continue
		}
		// Written as a packet socket needs it, so that a frame moved too
		// close to the start of its memory fails here as it would there.
		pkt.Offload.Encode(pkt.Buf[pkt.Start-wire.OffloadLen : pkt.Start])
		n++
		if !p.discard {
			p.keep(pkt)
		}
	}
	p.stats.Sent += uint64(n)
	return n
}

func (p *Port) keep(pkt *wire.Packet) {
	p.sent = append(p.sent, p.takeFrame(&Frame{
		Data: pkt.Frame(), Type: wire.Outgoing, Clipped: pkt.Clipped,
		HasVLAN: pkt.HasVLAN, VLANTCI: pkt.VLANTCI, VLANTPID: pkt.VLANTPID,
		Offload: pkt.Offload,
	}))
}

// Sent returns the frames sent since the last Reset, oldest first. Their bytes
// are valid until the next Reset.
func (p *Port) Sent() []Frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	frames := make([]Frame, len(p.sent))
	for i := range p.sent {
		frames[i] = p.sent[i].frame
	}
	return frames
}

// Reset forgets the frames sent so far and uses their memory again.
func (p *Port) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = p.recycle(p.sent)
}

// Pending returns the number of injected frames not yet received.
func (p *Port) Pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) - p.head
}

// Stats returns the counts so far.
func (p *Port) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// Discard makes Send count frames without keeping them, for benchmarks.
func (p *Port) Discard(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.discard = on
}

// Poison makes Release overwrite the released memory, so that a test sees
// every use of a packet after its release.
func (p *Port) Poison(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.poison = on
}

// Refuse makes Send drop the packets for which f returns true; nil refuses
// none. It stands for a full transmit queue or a link that is down.
func (p *Port) Refuse(f func(*wire.Packet) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = f
}
