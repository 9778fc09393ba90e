package pcapfilter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
)

// pick returns one of the choices.
func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// randomFrame is a frame of 120 bytes whose fields come from few values, so that
// filters of these values match some.
func randomFrame(r *rand.Rand) []byte {
	f := make([]byte, 120)
	for i := range f {
		f[i] = byte(r.Uint32())
	}
	binary.BigEndian.PutUint16(f[12:], pick(r, uint16(0x0800), 0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x8035, 0x88b5))
	proto := pick(r, byte(6), 6, 17, 132, 1, 58, 2, 44)
	l4 := 54
	v4 := func() []byte { return []byte{192, 0, 2, pick(r, byte(1), 2, 77, 200)} }
	switch binary.BigEndian.Uint16(f[12:]) {
	case 0x0800:
		f[14] = pick(r, byte(0x45), 0x45, 0x46, 0x4f)
		l4 = 14 + int(f[14]&0xf)*4
		binary.BigEndian.PutUint16(f[20:], pick(r, uint16(0), 0, 0x4000, 0x2000, 0x0010))
		f[23] = proto
		copy(f[26:], v4())
		copy(f[30:], v4())
	case 0x86dd:
		f[20] = proto
		for _, at := range []int{22, 38} {
			copy(f[at:], []byte{0x20, 0x01, 0x0d, 0xb8, 0, pick(r, byte(0), 1), 0, 0, 0, 0, 0, 0, 0, 0, 0, pick(r, byte(1), 2, 3)})
		}
		f[54] = pick(r, byte(6), 17, 58)
	default:
		copy(f[28:], v4())
		copy(f[38:], v4())
	}
	if r.IntN(8) > 0 {
		binary.BigEndian.PutUint16(f[l4:], pick(r, uint16(80), 443, 53, 8080, 40000))
		binary.BigEndian.PutUint16(f[l4+2:], pick(r, uint16(80), 443, 53, 8080, 40000))
		f[l4+13] = pick(r, byte(0x02), 0x12, 0x10, 0x11, 0x04)
	}
	return f
}

// terms are filters of one term each.
var terms = strings.Split(`ip
ip6
arp
rarp
tcp
udp
sctp
icmp
icmp6
igmp
host 192.0.2.1
src 192.0.2.1
dst host 192.0.2.2
src or dst host 192.0.2.77
src and dst host 192.0.2.77
ip host 192.0.2.1
ip dst 192.0.2.1
arp host 192.0.2.1
ip6 host 2001:db8::1
src host 2001:db8:1::2
host 2001:db8::3
net 192.0.2.0/26
net 192.0.2.64/27
src net 192.0.2.128 mask 255.255.255.128
dst net 2001:db8::/32
net 2001:db8::/47
ip6 net 2001:db8::/48
net 0.0.0.0/0
port 80
tcp port 80
udp port 53
sctp port 443
src port 40000
dst port 443
tcp dst port 443
src and dst port 80
src or dst port 8080
portrange 80-443
tcp portrange 50-100
src portrange 8000-9000
udp dst portrange 53-80
proto 6
proto \tcp
ip proto 17
ip proto \udp
ip6 proto 58
tcp[tcpflags] & tcp-syn != 0
tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn
tcp[tcpflags] == tcp-rst
tcp[13] & (tcp-fin|tcp-ack) = (tcp-fin | tcp-ack)`, "\n")

// wholes are filters in which words are left out, or that group in other ways
// than usual.
var wholes = strings.Split(`port 80 or 443
tcp port 80 or 443 or 53
port (80 or 443)
host (192.0.2.1 or 192.0.2.2) and tcp
not host 192.0.2.1 and 192.0.2.2
src 192.0.2.1 or 192.0.2.2
tcp or udp and port 80
not (tcp or udp) and not arp
!tcp&&!udp||arp
tcp dst port 80 or src 192.0.2.1
not not tcp
ip6 or not ip
tcp or not tcp
dst net 192.0.2.0/26 or 192.0.2.64/26
(tcp and (port 80 or port 443)) or (udp and port 53)
portrange 100-50`, "\n")

// libpcap is a filter as tcpdump compiles it; nil if it would match nothing, which
// tcpdump refuses.
func libpcap(t testing.TB, filter string) *bpf.VM {
	t.Helper()
	var complaint strings.Builder
	cmd := exec.CommandContext(t.Context(), "tcpdump", "-ddd", "-y", "EN10MB", filter)
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if strings.Contains(complaint.String(), "expression rejects all packets") {
		return nil
	}
	if err != nil {
		t.Fatalf("tcpdump does not compile %q: %v: %s", filter, err, complaint.String())
	}
	var raw []bpf.RawInstruction
	var n int
	in := bytes.NewReader(out)
	_, _ = fmt.Fscan(in, &n)
	for range n {
		var i bpf.RawInstruction
		if _, err := fmt.Fscan(in, &i.Op, &i.Jt, &i.Jf, &i.K); err != nil {
			t.Fatal(err)
		}
		raw = append(raw, i)
	}
	all, ok := bpf.Disassemble(raw)
	vm, err := bpf.NewVM(all)
	if !ok || err != nil {
		t.Fatalf("program of %q: %v", filter, err)
	}
	return vm
}

// TestAgainstTcpdump: what tcpdump makes of a filter matches the same frames.
func TestAgainstTcpdump(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	filters := append(append([]string{}, terms...), wholes...)
	fixed := len(filters)
	for range 100 {
		f := pick(r, terms...)
		for range 1 + r.IntN(4) {
			f = fmt.Sprintf("%s %s %s%s", f, pick(r, "and", "or"), pick(r, "", "not "), pick(r, terms...))
			if r.IntN(3) == 0 {
				f = pick(r, "", "not ") + "(" + f + ")"
			}
		}
		filters = append(filters, f)
	}
	for i, filter := range filters {
		ours, err := Compile(filter)
		if err != nil {
			t.Error(err)
			continue
		}
		theirs := libpcap(t, filter)
		matched := 0
		quick := NewQuick(ours)
		for range 2000 {
			f := randomFrame(r)
			n := 0
			if theirs != nil {
				if n, err = theirs.Run(f); err != nil {
					t.Fatal(err)
				}
			}
			if n > 0 {
				matched++
			}
			if n > 0 && (quick.Rejects(f) || quick.RejectsMore(f)) {
				t.Errorf("%s: rejected at once, though it matches:\n%x", filter, f)
				break
			}
			if got := ours.Match(f); got != (n > 0) {
				t.Errorf("%s: %v, tcpdump's program says %v of\n%x", filter, got, n > 0, f)
				break
			}
		}
		if i < fixed && matched == 0 {
			t.Errorf("%s: no frame matches", filter)
		}
	}
}

// TestShort: a frame cut anywhere is read within its bounds, and matches no more
// than it shows.
func TestShort(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, filter := range append(append([]string{}, terms...), wholes...) {
		p, err := Compile(filter)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 60 {
			f := randomFrame(r)
			p.Match(f[:n:n])
		}
	}
	p, _ := Compile("port 80 and net 0.0.0.0/0")
	f := randomFrame(rand.New(rand.NewPCG(1, 1)))
	if p.Match(f[:34]) {
		t.Error("a port is found beyond the end")
	}
}

// TestLone: what tcpdump does not take, or refuses because it never matches.
func TestLone(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for filter, same := range map[string]string{"192.0.2.2": "host 192.0.2.2", "tcp and not tcp": "tcp and udp", "!(ip||!ip)": "tcp and udp"} {
		a, err1 := Compile(filter)
		b, err2 := Compile(same)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		for range 1000 {
			if f := randomFrame(r); a.Match(f) != b.Match(f) {
				t.Fatalf("%s is not %s of\n%x", filter, same, f)
			}
		}
	}
}

// TestQuick: what is told at once of frames of a client at port 40000.
func TestQuick(t *testing.T) {
	f := plainFrame()
	for filter, rejects := range map[string]bool{
		"tcp port 8080": true, "host 192.0.2.77": true, "udp": true, "ip6": true, "arp": true, "icmp or udp": true,
		"tcp port 80": false, "not tcp": false, "": false, "port 80 and not tcp": false, "tcp port 80 and host 192.0.2.77": true,
		"port 1 or 2 or 3":      true,
		"port 1 or 2 or 3 or 4": false, // too much for it
		"portrange 1-2":         false,
	} {
		p, err := Compile(filter)
		if err != nil {
			t.Fatal(err)
		}
		q := NewQuick(p)
		if (q.Rejects(f) || q.RejectsMore(f)) != rejects {
			t.Errorf("%s: %v", filter, !rejects)
		}
		if q.Rejects(f[:53]) || q.RejectsMore(f[:53]) {
			t.Errorf("%s: rejects a short frame", filter)
		}
	}
	a, _ := Compile("port 1")
	b, _ := Compile("port 80")
	for _, q := range []Quick{NewQuick(a, b), NewQuick(a, b, a), NewQuick(a, a, a, a), {}} {
		if q.Rejects(f) || q.RejectsMore(f) {
			t.Error("rejected, though one of several filters matches")
		}
	}
	if q := NewQuick(a, a); !q.RejectsMore(f) || q.Rejects(f) {
		t.Error("not rejected")
	}
}

// plainFrame is TCP of 192.0.2.1:40000 to port 80.
func plainFrame() []byte {
	f := make([]byte, 60)
	copy(f[12:], []byte{8, 0, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 1, 0x9c, 0x40, 0, 80})
	return f
}

func TestEmpty(t *testing.T) {
	p, err := Compile(" ")
	if err != nil || !p.Match(nil) || !p.Match(randomFrame(rand.New(rand.NewPCG(1, 1)))) {
		t.Errorf("an empty filter does not match: %v", err)
	}
}

func TestErrors(t *testing.T) {
	for filter, want := range map[string]string{
		"tcp prot 80":           `column 5: "prot" is one too many: and, or, or the end was expected`,
		"port":                  "column 5: the filter ends where a port number is expected",
		"tcp port http":         `column 10: "http" is not a port number (0 to 65535)`,
		"port 65536":            `column 6: "65536" is not a port number (0 to 65535)`,
		"portrange 1-x":         `column 11: "1-x" is not a range of ports such as 8000-8080 (0 to 65535)`,
		"host www.example.com":  `column 6: "www.example.com" is not an IP address`,
		"host 192.0.2.1/24":     `column 6: "192.0.2.1/24" is not an IP address`,
		"net 192.0.2.1/24":      `column 5: "192.0.2.1/24" has bits beyond its length; the network is 192.0.2.0/24`,
		"net 192.0.2":           `column 5: "192.0.2" is not a network such as 192.0.2.0/24`,
		"net 192.0.2.0 mask 1":  `column 20: "1" is not an IPv4 mask such as 255.255.255.0`,
		"ip6 host 192.0.2.1":    "column 10: 192.0.2.1 is not an address of that protocol",
		"tcp host 192.0.2.1":    `column 10: tcp has no addresses; write "tcp and host 192.0.2.1"`,
		"arp port 80":           "column 10: arp has no ports",
		"ip port 80":            "column 9: ip has no ports",
		"(tcp":                  "column 5: the end instead of a closing parenthesis",
		"tcp and":               "column 8: the filter ends where host, net, port, portrange, src, dst, proto, an address or a protocol (" + names + ") is expected",
		"80":                    `column 1: "80" is not host, net, port, portrange, src, dst, proto, an address or a protocol (` + names + ")",
		"tcp[0] == 0":           `column 5: "0": of the bytes of TCP only tcp[tcpflags] is known`,
		"tcp[tcpflags] & x":     `column 17: "x" is not a TCP flag such as tcp-syn, nor 0`,
		"tcp[tcpflags]":         "column 14: the end instead of == or !=",
		"ip proto x":            `column 10: "x" is not the number (0 to 255) or name of a protocol`,
		"tcp)":                  `column 4: ")" is one too many: and, or, or the end was expected`,
		"\x1b[31m":              `column 1: "\x1b" is not host, net,`,
		strings.Repeat("(", 99): "column 52: nested more than 50 deep",
	} {
		_, err := Compile(filter)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\nwant %s", filter, err, want)
		}
		if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q: control characters in %q", filter, err)
		}
	}
	if _, err := Compile(strings.Repeat("x", maxText+1)); err == nil {
		t.Error("an endless filter is accepted")
	}
}

func FuzzCompile(f *testing.F) {
	for _, t := range append(append([]string{}, terms...), wholes...) {
		f.Add(t)
	}
	frame := randomFrame(rand.New(rand.NewPCG(5, 6)))
	f.Fuzz(func(_ *testing.T, text string) {
		p, err := Compile(text)
		if err != nil {
			return
		}
		for n := range frame {
			p.Match(frame[:n])
		}
	})
}

// BenchmarkMatch is a frame that does not match, here and in the virtual machine
// for tcpdump's program.
func BenchmarkMatch(b *testing.B) {
	f := plainFrame()
	for _, filter := range []string{"tcp port 8080", "host 192.0.2.77", "tcp port 80 and host 192.0.2.77", "udp", "ip6"} {
		p, err := Compile(filter)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("own/"+filter, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p.Match(f) {
					b.Fatal("it matches")
				}
			}
		})
		vm := libpcap(b, filter)
		b.Run("vm/"+filter, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n, _ := vm.Run(f); n > 0 {
					b.Fatal("it matches")
				}
			}
		})
	}
}
