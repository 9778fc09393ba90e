package explain

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"ulvs/wire"
)

// WordsUsage is what ParseWords takes, in one line.
const WordsUsage = "[+DELAY] tcp|udp|sctp|icmp SRC > DST [FLAGS|CHUNK|echo] [len=N] [ttl=N] [df] [xN]"

// Limits of words.
const (
	mostRepeats = 100_000
	mostPayload = 60_000
	mostDelay   = 365 * 24 * time.Hour
	// between is the time from one packet to the next unless the words say one.
	between = time.Millisecond
)

// Words is one packet as people write it.
type Words struct {
	Delay    time.Duration // after the packet before
	Proto    uint8
	Src, Dst netip.AddrPort // without ports for ICMP
	Flags    uint8          // of TCP
	Chunk    uint8          // of SCTP
	Payload  int            // bytes
	TTL      uint8
	DF       bool
	// Repeat is how many packets there are, each after the first from the next
	// source port.
	Repeat int
}

// wordProtocols are the protocols by name.
var wordProtocols = map[string]uint8{
	"tcp": wire.ProtoTCP, "udp": wire.ProtoUDP, "sctp": wire.ProtoSCTP, "icmp": wire.ProtoICMP,
}

// ParseWords reads a packet in words, as WordsUsage says:
// "tcp 192.0.2.7:40000 > 198.51.100.1:80 SYN". IPv6 has brackets. A TCP packet
// without flags is a SYN, an SCTP packet without a chunk an INIT, and ICMP is an
// echo request. Flags are names joined by + or the letters of tcpdump, FSRPAUEC.
func ParseWords(text string) (w Words, err error) {
	w = Words{Delay: between, TTL: 64, Repeat: 1, Flags: wire.SYN, Chunk: wire.SCTPInit}
	words := strings.Fields(strings.Replace(strings.Replace(text, "->", ">", 1), ">", " > ", 1))
	if len(words) > 0 && strings.HasPrefix(words[0], "+") {
		if w.Delay, err = time.ParseDuration(words[0][1:]); err != nil || w.Delay < 0 || w.Delay > mostDelay {
			return w, fmt.Errorf("delay %q: want a time such as +1.5s, +200ms or +2h, of a year at most", words[0])
		}
		words = words[1:]
	}
	if len(words) < 4 || words[2] != ">" {
		return w, fmt.Errorf("want %s", WordsUsage)
	}
	known := false
	if w.Proto, known = wordProtocols[strings.ToLower(words[0])]; !known {
		return w, fmt.Errorf("protocol %q: want tcp, udp, sctp or icmp", words[0])
	}
	if w.Src, err = w.end("source", words[1]); err != nil {
		return w, err
	}
	if w.Dst, err = w.end("destination", words[3]); err != nil {
		return w, err
	}
	if w.Src.Addr().Is4() != w.Dst.Addr().Is4() {
		return w, fmt.Errorf("source %v and destination %v: want two of IPv4 or two of IPv6", w.Src.Addr(), w.Dst.Addr())
	}
	if w.Proto == wire.ProtoICMP && w.Src.Addr().Is6() {
		w.Proto = wire.ProtoICMPv6
	}
	for _, word := range words[4:] {
		if err := w.option(word); err != nil {
			return w, err
		}
	}
	return w, nil
}

// end reads address:port, or for ICMP an address.
func (w *Words) end(which, text string) (netip.AddrPort, error) {
	if w.Proto == wire.ProtoICMP {
		a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
		if err != nil || a.Zone() != "" || a.Is4In6() {
			return netip.AddrPort{}, fmt.Errorf("%s %q: want an address without a port, 192.0.2.7 or [2001:db8::7]", which, text)
		}
		return netip.AddrPortFrom(a, 0), nil
	}
	ap, err := netip.ParseAddrPort(text)
	if err != nil || ap.Addr().Zone() != "" || ap.Addr().Is4In6() {
		return ap, fmt.Errorf("%s %q: want an address and a port, 192.0.2.7:40000 or [2001:db8::7]:40000", which, text)
	}
	return ap, nil
}

// option reads a word behind the ends.
func (w *Words) option(word string) (err error) {
	name, value, _ := strings.Cut(word, "=")
	switch {
	case name == "len":
		w.Payload, err = number("len", value, 0, mostPayload)
	case name == "ttl":
		var n int
		n, err = number("ttl", value, 0, 255)
		w.TTL = uint8(n)
	case word == "df":
		w.DF = true
	case len(word) > 1 && word[0] == 'x' && word[1] >= '0' && word[1] <= '9':
		w.Repeat, err = number("repetition", word[1:], 1, mostRepeats)
	default:
		return w.kind(word)
	}
	return err
}

// kind reads what a packet of the protocol is.
func (w *Words) kind(word string) error {
	var ok bool
	want := "len=N, ttl=N, df or xN"
	switch w.Proto {
	case wire.ProtoTCP:
		w.Flags, ok = parseFlags(word)
		want = "flags such as SYN, SYN+ACK, FIN+ACK, RST, none, or their letters " + flagLetters + ", " + want
	case wire.ProtoSCTP:
		w.Chunk, ok = parseChunk(word)
		want = "a chunk such as INIT, COOKIE-ECHO, DATA, ABORT, " + want
	case wire.ProtoICMP, wire.ProtoICMPv6:
		ok = word == "echo"
		want = "echo, " + want
	}
	if !ok {
		return fmt.Errorf("%q: want %s", word, want)
	}
	return nil
}

// flagLetters are those of TCP flags by bit, lowest first.
const flagLetters = "FSRPAUEC"

// parseFlags reads names joined by +, or letters.
func parseFlags(word string) (flags uint8, ok bool) {
	upper := strings.ToUpper(word)
	if upper == "NONE" {
		return 0, true
	}
	if named, ok := namedFlags(upper); ok {
		return named, true
	}
	for _, c := range upper {
		i := strings.IndexRune(flagLetters, c)
		if i < 0 {
			return 0, false
		}
		flags |= 1 << i
	}
	return flags, flags != 0
}

func namedFlags(word string) (flags uint8, ok bool) {
	for _, name := range strings.Split(word, "+") {
		found := false
		for i, n := range flagNames {
			if n == name {
				flags, found = flags|1<<i, true
			}
		}
		if !found {
			return 0, false
		}
	}
	return flags, true
}

func parseChunk(word string) (uint8, bool) {
	for n, name := range chunkNames {
		if strings.EqualFold(name, word) {
			return n, true
		}
	}
	return 0, false
}

func number(name, text string, least, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s %q: want a number of %d to %d", name, text, least, most)
	}
	return n, nil
}

// Packets makes the packets, the first of which comes Delay after last.
func (w *Words) Packets(source string, last time.Duration, take func(*Packet)) (now time.Duration) {
	one := *w
	now = last + w.Delay
	for i := range w.Repeat {
		if i > 0 {
			now += between
			if p := one.Src.Port() + 1; one.Src.Port() != 0 {
				one.Src = netip.AddrPortFrom(one.Src.Addr(), max(p, 1)) // after 65535 comes 1
			}
		}
		take(&Packet{Source: source, At: now, Frame: one.frame(), Unaddressed: true})
	}
	return now
}
