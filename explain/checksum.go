package explain

import (
	"encoding/binary"
	"fmt"

	"ulvs/wire"
)

// Sum is the arithmetic by which a checksum was brought up to date (RFC 1624
// equation 3): HC' = ~(~HC + sum of (~m + m')), over the 16-bit words that
// changed.
type Sum struct {
	Of    string `json:"of"` // "ip", "tcp", ...
	Old   uint16 `json:"old"`
	Words []Word `json:"words"`
	New   uint16 `json:"new"`     // what comes of it
	Frame uint16 `json:"inFrame"` // what the frame has
	Note  string `json:"note,omitempty"`
}

// Word is a 16-bit word that changed.
type Word struct {
	Name string `json:"name"`
	From uint16 `json:"from"`
	To   uint16 `json:"to"`
}

// sums works out the checksums of a rewritten packet.
func sums(before, after *wire.Packet) (out []Sum) {
	if !before.Is6() && len(before.IPv4()) == len(after.IPv4()) {
		n := before.IPv4().HeaderLen()
		if n != after.IPv4().HeaderLen() {
			return nil
		}
		out = append(out, ipSum(before.IPv4()[:n], after.IPv4()[:n]))
	}
	at, name := checksumAt(before)
	if before.FragOff != 0 || after.FragOff != 0 || at < 0 || len(before.Transport()) != len(after.Transport()) {
		return changedOnly(out)
	}
	return changedOnly(append(out, transportSum(name, at, before, after)))
}

// changedOnly leaves out checksums of what is as it was.
func changedOnly(all []Sum) (out []Sum) {
	for _, s := range all {
		if len(s.Words) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// checksumAt is where the transport header has its Internet checksum, -1 if it
// has none.
func checksumAt(p *wire.Packet) (at int, name string) {
	switch p.Proto {
	case wire.ProtoTCP:
		return wire.TCPChecksumOffset, "tcp"
	case wire.ProtoUDP:
		return wire.UDPChecksumOffset, "udp"
	case wire.ProtoICMP:
		return 2, "icmp"
	case wire.ProtoICMPv6:
		return 2, "icmp6"
	}
	return -1, ""
}

// ipNames are the 16-bit words of an IPv4 header.
var ipNames = [...]string{"version, tos", "length", "id", "flags, offset", "ttl, protocol", "", "source", "source", "destination", "destination"}

// ipSum is the IPv4 header's, of both versions without payload.
func ipSum(before, after []byte) Sum {
	s := Sum{Of: "ip", Old: binary.BigEndian.Uint16(before[10:]), Frame: binary.BigEndian.Uint16(after[10:])}
	s.diff(before, after, 10, func(at int) string {
		if at/2 < len(ipNames) {
			return ipNames[at/2]
		}
		return "option"
	})
	s.New = s.result()
	return s
}

// transportSum is that of a transport header, with the addresses of its
// pseudo-header, which an ICMP checksum has not.
func transportSum(name string, at int, before, after *wire.Packet) Sum {
	b, a := before.Transport(), after.Transport()
	s := Sum{Of: name, Old: binary.BigEndian.Uint16(b[at:]), Frame: binary.BigEndian.Uint16(a[at:])}
	if before.Proto != wire.ProtoICMP {
		s.address("source", before.Src, after.Src)
		s.address("destination", before.Dst, after.Dst)
	}
	s.diff(b, a, at, func(word int) string {
		switch {
		case word == 0 && name != "icmp" && name != "icmp6":
			return "source port"
		case word == 2 && name != "icmp" && name != "icmp6":
			return "destination port"
		}
		return fmt.Sprintf("byte %d", word)
	})
	s.New = s.result()
	if name == "udp" && s.Old == 0 {
		s.New, s.Note = 0, "0 says that there is none, and so it stays (RFC 768)"
	} else if name == "udp" && s.New == 0 {
		s.New, s.Note = 0xffff, "a sum of 0 is sent as 0xffff (RFC 768)"
	}
	return s
}

// address adds the words in which two addresses differ.
func (s *Sum) address(name string, from, to wire.Addr) {
	f, t := from.As16(), to.As16()
	s.diff(f[:], t[:], -1, func(int) string { return name })
}

// diff adds the words in which from and to differ, but for the checksum itself.
// A last odd byte counts as the high byte of a word.
func (s *Sum) diff(from, to []byte, checksum int, name func(at int) string) {
	word := func(b []byte, i int) uint16 {
		if i+1 == len(b) {
			return uint16(b[i]) << 8
		}
		return binary.BigEndian.Uint16(b[i:])
	}
	for i := 0; i < len(from); i += 2 {
		if f, t := word(from, i), word(to, i); f != t && i != checksum {
			s.Words = append(s.Words, Word{name(i), f, t})
		}
	}
}

// result is HC' by equation 3.
func (s *Sum) result() uint16 {
	acc := uint64(^s.Old)
	for _, w := range s.Words {
		acc += uint64(^w.From) + uint64(w.To)
	}
	return ^wire.Fold(acc)
}
