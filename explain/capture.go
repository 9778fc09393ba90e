package explain

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"ulvs/dataplane/memport"
	"ulvs/wire"
)

// InputError is an input that cannot be used: a rules file or a capture. It is
// one line that names file and line or packet, and what is accepted.
type InputError struct{ error }

// inputError makes one.
func inputError(format string, args ...any) error { return InputError{fmt.Errorf(format, args...)} }

// Capture reads the packets of a file as tcpdump and Wireshark write it, pcap or
// pcapng, of Ethernet or of Linux's "any" interface.
type Capture struct {
	name   string
	next   func() ([]byte, gopacket.CaptureInfo, error)
	blocks *blocks         // of pcapng
	link   layers.LinkType // of all packets; with pcapng each has its own
	number int
	start  time.Time
}

// ngMagic begins a pcapng file (draft-ietf-opsawg-pcapng section 4.1).
var ngMagic = []byte{0x0a, 0x0d, 0x0d, 0x0a}

// OpenCapture begins to read; name is for messages.
func OpenCapture(name string, from io.Reader) (c *Capture, err error) {
	c = &Capture{name: printable(name)}
	defer func() { // the library is not made for hostile files
		if r := recover(); r != nil {
			err = inputError("%s: not a capture: want pcap or pcapng", c.name)
		}
	}()
	r := bufio.NewReaderSize(from, 1<<16)
	magic, _ := r.Peek(len(ngMagic))
	if bytes.Equal(magic, ngMagic) {
		c.blocks = &blocks{from: r}
		ng, err := pcapgo.NewNgReader(c.blocks, pcapgo.NgReaderOptions{WantMixedLinkType: true})
		if err != nil {
			return nil, inputError("%s: not a pcapng capture: %v", c.name, err)
		}
		c.next = ng.ReadPacketData
		return c, nil
	}
	p, err := pcapgo.NewReader(r)
	if err != nil {
		return nil, inputError("%s: not a capture: want pcap or pcapng", c.name)
	}
	c.next, c.link = p.ReadPacketData, p.LinkType()
	return c, nil
}

// Next returns the next packet, io.EOF behind the last.
func (c *Capture) Next() (p *Packet, err error) {
	c.number++
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, inputError("%s: packet %d: the file is broken here", c.name, c.number)
		}
	}()
	data, info, err := c.next()
	switch {
	case errors.Is(err, io.EOF) && (c.blocks == nil || !c.blocks.within()):
		return nil, io.EOF
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, inputError("%s: packet %d: the file ends within it", c.name, c.number)
	case err != nil:
		return nil, inputError("%s: packet %d: %v", c.name, c.number, err)
	}
	link := c.link
	if len(info.AncillaryData) > 0 {
		if own, ok := info.AncillaryData[0].(layers.LinkType); ok {
			link = own
		}
	}
	f, err := deviceFrame(link, data)
	if err != nil {
		return nil, inputError("%s: packet %d: %w", c.name, c.number, err)
	}
	f.Clipped = info.CaptureLength < info.Length
	if c.number == 1 {
		c.start = info.Timestamp
	}
	return &Packet{Source: fmt.Sprintf("%s: packet %d", c.name, c.number), At: info.Timestamp.Sub(c.start), Frame: f, Unaddressed: link != layers.LinkTypeEthernet}, nil
}

// linuxSLL2 is LINKTYPE_LINUX_SLL2, 276, as the library has it, in 8 bits. No
// other link type is 20.
const linuxSLL2 = 276 & 0xff

// deviceFrame makes the frame that a device would have handed over.
func deviceFrame(link layers.LinkType, data []byte) (f memport.Frame, err error) {
	switch {
	case link == layers.LinkTypeEthernet:
		f.Data = data
		if len(data) >= wire.EthernetLen {
			f.Type = addressed(wire.Ethernet(data).Dst())
		}
	case link == layers.LinkTypeRaw || link == 12 || link == 14: // 12, 14: as some systems number it
		f.Data = ethernet(0, data)
	case link == layers.LinkTypeLinuxSLL && len(data) >= 16: // LINKTYPE_LINUX_SLL
		f.Type = wire.PacketType(binary.BigEndian.Uint16(data))
		f.Data = ethernet(binary.BigEndian.Uint16(data[14:]), data[16:])
	case link == linuxSLL2 && len(data) >= 20: // LINKTYPE_LINUX_SLL2
		f.Type = wire.PacketType(data[10])
		f.Data = ethernet(binary.BigEndian.Uint16(data), data[20:])
	default:
		return f, fmt.Errorf("link type %d: want Ethernet, raw IP or Linux cooked", int(link))
	}
	f.VLANTCI, f.VLANTPID, f.HasVLAN, f.Data = untag(f.Data)
	q := wire.Packet{Buf: f.Data, End: len(f.Data)}
	if wire.Parse(&q) == wire.FaultNone && q.EtherType != wire.EtherTypeARP && !q.IsFragment() {
		f.Offload = superFrame(q.Proto, q.Is6(), q.IPLen())
	}
	return f, nil
}

// addressed is what a kernel says of a frame to m that its device accepted.
func addressed(m wire.MAC) wire.PacketType {
	switch {
	case m == wire.Broadcast:
		return wire.ToBroadcast
	case m.IsGroup():
		return wire.ToMulticast
	}
	return wire.ToHost
}

// ethernet puts a link header before a packet; the type is that of its IP
// version if it is 0.
func ethernet(etherType uint16, packet []byte) []byte {
	if etherType == 0 { // raw
		etherType = wire.EtherTypeIPv4
		if len(packet) > 0 && packet[0]>>4 == 6 {
			etherType = wire.EtherTypeIPv6
		}
	}
	f := make([]byte, wire.EthernetLen, wire.EthernetLen+len(packet))
	wire.Ethernet(f).SetEtherType(etherType)
	return append(f, packet...)
}

// untag takes the VLAN tag off, as the kernel does before it hands a frame over.
func untag(f []byte) (tci, tpid uint16, tagged bool, rest []byte) {
	if len(f) < wire.EthernetLen+4 {
		return 0, 0, false, f
	}
	tpid = wire.Ethernet(f).EtherType()
	if tpid != wire.EtherTypeVLAN && tpid != wire.EtherTypeQinQ {
		return 0, 0, false, f
	}
	tci = binary.BigEndian.Uint16(f[wire.EthernetLen:])
	return tci, tpid, true, append(append([]byte(nil), f[:12]...), f[16:]...)
}
