package wiretest

import "ulvs/wire"

// MAC addresses that builders use unless WithMACs is given. They are locally
// administered.
var (
	ClientMAC   = wire.MAC{0x02, 0, 0, 0, 0, 0x01}
	DirectorMAC = wire.MAC{0x02, 0, 0, 0, 0, 0x02}
)

// spec is what options change. Its zero value with defaults() is an ordinary
// packet.
type spec struct {
	srcMAC, dstMAC wire.MAC
	ttl, tos       uint8
	id             uint16
	df             bool
	ipOptions      []byte
	extensions     []extension // of IPv6, in order
	flowLabel      uint32
	fragOff        int
	moreFrags      bool
	seq, ack       uint32
	window         uint16
	tcpOptions     []byte
	partial        bool
	gsoSize        uint16
	spoil          uint16 // added to the transport checksum
	noChecksum     bool
	vlan           *uint16
	pad            int // least length of the frame
	headroom       int
	in             uint16
}

// Option changes what a builder makes.
type Option func(*spec)

// newSpec returns the defaults with opts applied in order.
func newSpec(opts []Option) *spec {
	s := &spec{srcMAC: ClientMAC, dstMAC: DirectorMAC, ttl: 64, id: 0x1234,
		seq: 1000, ack: 2000, window: 64240, headroom: 2 * wire.Headroom}
	for _, o := range opts {
		o(s)
	}
	return s
}

// WithMACs sets the Ethernet addresses.
func WithMACs(src, dst wire.MAC) Option { return func(s *spec) { s.srcMAC, s.dstMAC = src, dst } }

// WithTTL sets the TTL, or the hop limit; the default is 64.
func WithTTL(v uint8) Option { return func(s *spec) { s.ttl = v } }

// WithTOS sets the type of service byte, or the traffic class; the default is 0.
func WithTOS(v uint8) Option { return func(s *spec) { s.tos = v } }

// WithID sets the IP identification; the default is 0x1234.
func WithID(v uint16) Option { return func(s *spec) { s.id = v } }

// WithDF sets the don't fragment bit.
func WithDF() Option { return func(s *spec) { s.df = true } }

// WithIPOptions adds IP options; b is padded to a multiple of 4 bytes.
func WithIPOptions(b ...byte) Option { return func(s *spec) { s.ipOptions = pad4(b) } }

// extension is an extension header of IPv6 without its first two bytes.
type extension struct {
	kind uint8
	body []byte
}

// WithExtension adds an extension header to an IPv6 packet: body is what
// follows its next header and length; it is padded with Pad1 options.
func WithExtension(kind uint8, body ...byte) Option {
	return func(s *spec) { s.extensions = append(s.extensions, extension{kind, body}) }
}

// WithFlowLabel sets the flow label of an IPv6 packet; the default is 0.
func WithFlowLabel(v uint32) Option { return func(s *spec) { s.flowLabel = v } }

// WithFragment makes the packet a fragment: the builder's payload is what
// follows the IP header if off, in bytes, is not 0.
func WithFragment(off int, more bool) Option {
	return func(s *spec) { s.fragOff, s.moreFrags = off, more }
}

// WithSeq sets TCP's sequence and acknowledgment numbers; the defaults are
// 1000 and 2000.
func WithSeq(seq, ack uint32) Option { return func(s *spec) { s.seq, s.ack = seq, ack } }

// WithTCPOptions adds TCP options; b is padded to a multiple of 4 bytes.
func WithTCPOptions(b ...byte) Option { return func(s *spec) { s.tcpOptions = pad4(b) } }

// WithPartial leaves the transport checksum to the device: the field holds the
// pseudo-header sum and the Offload says so.
func WithPartial() Option { return func(s *spec) { s.partial = true } }

// WithGSO makes a super-frame of segments of size bytes, with a partial
// checksum as the kernel has it.
func WithGSO(size uint16) Option {
	return func(s *spec) { s.gsoSize, s.partial = size, true }
}

// WithBadChecksum makes the transport checksum wrong.
func WithBadChecksum() Option { return func(s *spec) { s.spoil = 0x0101 } }

// WithNoChecksum sets the checksum field of UDP to zero.
func WithNoChecksum() Option { return func(s *spec) { s.noChecksum = true } }

// WithVLAN sets a VLAN tag in the metadata, as ports hand tags over.
func WithVLAN(tci uint16) Option { return func(s *spec) { s.vlan = &tci } }

// WithPad adds zero bytes after the IP packet until the frame has n bytes.
func WithPad(n int) Option { return func(s *spec) { s.pad = n } }

// WithHeadroom sets the number of bytes before the frame; the default is
// twice wire.Headroom.
func WithHeadroom(n int) Option { return func(s *spec) { s.headroom = n } }

// WithIn sets the port that the packet came in on.
func WithIn(port uint16) Option { return func(s *spec) { s.in = port } }

// pad4 returns a copy of b padded with zeros to a multiple of 4 bytes.
func pad4(b []byte) []byte {
	return append(append([]byte(nil), b...), make([]byte, (4-len(b)%4)%4)...)
}
