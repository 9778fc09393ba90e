package conformance

import (
	"bytes"
	"fmt"
	"strings"

	"ulvs/service"
	"ulvs/wire"
)

// arrival is a packet as it came in.
type arrival struct {
	side int
	text string
	ip   []byte
}

// compareOut compares what left with what was recorded. What the recorded
// host's own stack did is left out, if the packet was left to the host.
func (p *player) compareOut(want []Frame, r result, in arrival) {
	var ours []Frame
	for _, w := range want {
		if !p.ownStack(&w, &in) {
			ours = append(ours, w)
		}
	}
	if len(ours) < len(want) && len(r.out) < len(want) {
		if !r.passed {
			p.differ(packets, "left to the host: "+frameTexts(want), outputTexts(r))
			return
		}
		want = ours
	}
	if len(want) != len(r.out) {
		p.differ(packets, frameTexts(want), outputTexts(r))
		return
	}
	for i := range want {
		p.compareFrame(&want[i], &r.out[i], r)
	}
}

// ownStack reports whether a recorded frame is the doing of the kernel's own
// stack: forwarding a packet as it was, RST to a stray segment or where there is
// no service, ICMP unreachable where there is none, an answer to a ping.
func (p *player) ownStack(w *Frame, in *arrival) bool {
	fromClient := in.side == clientSide && w.To == "client"
	switch {
	case w.To == "client" && w.Hex == "" && in.side == serverSide && strings.HasSuffix(strings.TrimSpace(in.text), strings.TrimSpace(w.Pkt)):
		return true
	case w.Hex != "" && forwarded(w, in.ip):
		return true
	case !fromClient:
		return false
	case strings.HasPrefix(w.Pkt, "tcp"): // a RST: no answer of ulvs is TCP
		return true
	case strings.Contains(w.Pkt, " type=3 code=2 ") || strings.Contains(w.Pkt, " type=4 code=1 "): // protocol unreachable, unknown next header
		return true
	case strings.Contains(w.Pkt, " type=3 code=3 ") || strings.Contains(w.Pkt, " type=1 code=4 "):
		return !p.served(in.ip)
	}
	return strings.HasSuffix(w.Pkt, " type=0 code=0") || strings.HasSuffix(w.Pkt, " type=129 code=0")
}

// forwarded reports whether a recorded frame is the packet that came in, but
// for TTL and header checksum.
func forwarded(w *Frame, in []byte) bool {
	b, _, err := unhex(w.Hex)
	from := 12
	if in[0]>>4 == 6 {
		from = 8
	}
	return err == nil && len(b) == len(in) && len(in) >= wire.IPv4Len && bytes.Equal(b[from:], in[from:])
}

// served reports whether a virtual service takes the packet. It takes none from
// the port of active FTP data: those pass.
func (p *player) served(ip []byte) bool {
	c, err := parsePacket(describe(ip))
	if err != nil || c.src.Port() == ftpDataPort {
		return false
	}
	to := c.dst.Addr()
	return p.director.Table().Match(service.Protocol(c.proto), to, c.dst.Port(), p.markOf(&c)) != nil
}

// ftpDataPort is the source port of active FTP data connections.
const ftpDataPort = 20

// compareFrame compares one frame.
func (p *player) compareFrame(want *Frame, got *output, all result) {
	ip := got.frame[wire.EthernetLen:]
	switch {
	case want.Hex != "":
		p.compareBytes(want, got, ip)
	case !want.agrees(got):
		p.differ(packets, want.String(), got.String())
	}
}

// agrees reports whether a frame is as recorded, as far as it was.
func (w *Frame) agrees(o *output) bool {
	ip := o.frame[wire.EthernetLen:]
	d, ok := decode(ip)
	text := describe(ip)
	_, rest, _ := strings.Cut(text, " ")
	pkt := strings.TrimSpace(w.Pkt)
	return ok && (w.To == "rs") == (o.side == serverSide) &&
		(w.RS == 0 || w.RS == serverOf(o.frame)) &&
		(w.TTL == 0 || w.TTL == int(d.ttl)) &&
		(pkt == "" || pkt == strings.TrimSpace(text) || pkt == strings.TrimSpace(rest)) &&
		w.BadSum == d.spoiled()
}

// serverOf returns the number of the real server that a frame goes to, 0 if it
// is for none.
func serverOf(frame []byte) int {
	for n := 1; n <= servers; n++ {
		if wire.Ethernet(frame).Dst() == serverMAC(n) {
			return n
		}
	}
	return 0
}

// String writes a recorded frame for people, as far as it was noted.
func (w *Frame) String() string {
	s := w.To
	if w.RS != 0 {
		s = fmt.Sprintf("rs%d", w.RS)
	}
	if w.Pkt != "" {
		s += " " + strings.TrimSpace(w.Pkt)
	}
	if ttl := max(w.TTL, w.IP.TTL); ttl != 0 {
		s += fmt.Sprintf(" ttl %d", ttl)
	}
	if w.BadSum {
		s += " bad checksum"
	}
	return s
}

// String writes a frame that left for people.
func (o *output) String() string {
	ip := o.frame[wire.EthernetLen:]
	d, _ := decode(ip)
	f := Frame{To: []string{"client", "rs"}[o.side], RS: serverOf(o.frame), Pkt: describe(ip), TTL: int(d.ttl), BadSum: d.spoiled()}
	return f.String()
}

func frameTexts(all []Frame) string {
	var texts []string
	for i := range all {
		texts = append(texts, all[i].String())
	}
	return orNothing(strings.Join(texts, " and "))
}

func outputTexts(r result) string {
	var texts []string
	for i := range r.out {
		texts = append(texts, r.out[i].String())
	}
	if len(texts) == 0 && r.passed {
		return "left to the host"
	}
	return orNothing(strings.Join(texts, " and "))
}
