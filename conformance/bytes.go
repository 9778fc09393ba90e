package conformance

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"ulvs/wire"
)

// slack is what a link takes beyond its MTU: the room for a VLAN tag (kernel
// net/core/dev.c, is_skb_forwardable).
const slack = 4

// bytes replays a packet that was recorded byte by byte.
func (p *player) bytes(s *Step) {
	ip, length, err := unhex(s.Hex)
	if err != nil || len(ip) < wire.IPv4Len {
		p.differ(setUp, "the hex of an IP packet", fmt.Sprintf("%q: %v", s.Hex, err))
		return
	}
	for step := ip[len(ip)-1] - ip[len(ip)-2]; len(ip) < length; {
		ip = append(ip, ip[len(ip)-1]+step) // the payload goes on as it began
	}
	side, mtu := clientSide, clientMTU
	if s.Side == "rs" {
		side, mtu = serverSide, p.mtu
	}
	if length > mtu+slack {
		p.compareOut(s.Out.Frames, result{}, arrival{}) // the link did not take it
		return
	}
	p.compareOut(s.Out.Frames, p.send(side, ip), arrival{side: side, text: s.Pkt, ip: ip})
}

// unhex decodes a recorded packet: the bytes that were noted and how many
// there were.
func unhex(s string) (b []byte, length int, err error) {
	s, rest, cut := strings.Cut(s, "..(")
	if b, err = hex.DecodeString(s); err != nil {
		return nil, 0, err
	}
	if !cut {
		return b, len(b), nil
	}
	length, err = strconv.Atoi(strings.TrimSuffix(rest, " bytes in all)"))
	if err == nil && (length < len(b) || length > math.MaxUint16) {
		err = fmt.Errorf("%d bytes noted, %d in all", len(b), length)
	}
	return b, length, err
}

// compareBytes compares a frame with the recorded bytes and next hop.
func (p *player) compareBytes(w *Frame, o *output, got []byte) {
	want, length, err := unhex(w.Hex)
	mac := wire.Ethernet(o.frame).Dst().String()
	switch {
	case err != nil:
		p.differ(setUp, "the hex of an IP packet", err.Error())
	case (w.To == "rs") != (o.side == serverSide) || mac != w.DMAC:
		p.differ(packets, w.String()+" to "+w.DMAC, o.String()+" to "+mac)
	case len(got) != length:
		p.differ(packets, fmt.Sprintf("%s, %d bytes", w, length), fmt.Sprintf("%s, %d bytes", o, len(got)))
	default:
		p.compareNoted(want, bytes.Clone(got[:len(want)]))
	}
}

// compareNoted compares the bytes that were noted, but for what the kernel
// draws by itself.
func (p *player) compareNoted(want, got []byte) {
	sameSourcePort(want, got)
	if p.excuseDrawn(want, got); !bytes.Equal(got, want) {
		p.differ(packets, hex.EncodeToString(want), hex.EncodeToString(got))
	}
}
