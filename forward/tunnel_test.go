package forward

import (
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"ulvs/forward/forwardtest"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

func TestEncapHeader(t *testing.T) {
	for _, c := range []struct {
		name     string
		opts     []wiretest.Option
		pmtuDisc bool
		tos      uint8
		id       uint16
		df       bool
	}{
		{"df", []wiretest.Option{wiretest.WithDF()}, true, 0, 0, true},
		{"df ignored", []wiretest.Option{wiretest.WithDF()}, false, 0, 77, false},
		{"no df", nil, true, 0, 77, false},
		{"ect1", []wiretest.Option{wiretest.WithTOS(0xb9)}, true, 0xb9, 77, false},
		{"ect0", []wiretest.Option{wiretest.WithTOS(0xba)}, true, 0xba, 77, false},
		{"ce", []wiretest.Option{wiretest.WithTOS(0xbb)}, true, 0xba, 77, false},
		{"padded", []wiretest.Option{wiretest.WithPad(60)}, true, 0, 77, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := wiretest.TCP(inboundFlow, wire.SYN, nil, append(c.opts, wiretest.WithTTL(9), wiretest.WithHeadroom(wire.Headroom))...)
			inner := p.IPv4().TOS()
			if !ipip.Encap(p, directorAddr, 77, c.pmtuDisc) {
				t.Fatal("refused")
			}
			forwardtest.Consistent(t, p)
			wiretest.CheckPacket(t, p, wiretest.MACs(wiretest.ClientMAC, wiretest.DirectorMAC),
				wiretest.Src("203.0.113.126"), wiretest.Dst("203.0.113.1"), wiretest.Proto(wire.ProtoIPIP),
				wiretest.TTL(9), wiretest.TOS(c.tos), wiretest.ID(c.id), wiretest.DF(c.df), wiretest.IPLen(60), wiretest.ValidChecksums(),
				wiretest.Inner(wiretest.Src(forwardtest.Client), wiretest.Dst(forwardtest.Virtual), wiretest.TOS(inner), wiretest.ValidChecksums()))
			if want := wire.EthernetLen + 60; len(p.Frame()) != want {
				t.Errorf("frame of %d bytes, want %d: padding must go", len(p.Frame()), want)
			}
		})
	}
}

func TestEncapRefuses(t *testing.T) {
	for name, p := range map[string]*wire.Packet{
		"super-frame": wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(3000), wiretest.WithGSO(1000)),
		"too long":    wiretest.UDP(inboundFlow, wiretest.Payload(0xffff-20-8-19)),
	} {
		before := wiretest.Clone(p)
		if ipip.Encap(p, directorAddr, 1, true) {
			t.Errorf("%s: encapsulated", name)
		}
		if p.Start != before.Start || p.Proto != before.Proto || p.Offload != before.Offload {
			t.Errorf("%s: changed", name)
		}
	}
	longest := wiretest.UDP(inboundFlow, wiretest.Payload(0xffff-20-8-20))
	if !ipip.Encap(longest, directorAddr, 1, true) || longest.IPLen() != 0xffff {
		t.Errorf("the longest packet that fits was refused")
	}
}

// TestEncapBytes holds what follows the IP header against bytes as a kernel
// wrote them; the checksum of GRE is by hand.
func TestEncapBytes(t *testing.T) {
	for _, c := range []struct {
		kind   int // of tunnelKinds
		inner6 bool
		want   string // x stands for what is not compared: hashes and checksums
	}{
		{1, false, "0000 0800 4500"},
		{1, true, "0000 86dd 6000"},
		{2, false, "8000 0800 6459 0000 4500"}, // ^(0x8800 - 0xec59): IP sums to nothing, TCP to its pseudo-header less
		{3, false, "xxxx 15b3 0034 0000 0004 0000 4500"},
		{3, true, "xxxx 15b3 0048 0000 0029 0000 6000"},
		{4, false, "xxxx 15b3 0034 xxxx 0004 0000 4500"},
	} {
		k := &tunnelKinds[c.kind]
		flow := inboundFlow
		if c.inner6 {
			flow = inboundFlow6
		}
		p := wiretest.TCP(flow, wire.ACK, nil)
		if !k.to(realAddr).Encap(p, directorAddr, 1, true) {
			t.Fatal("refused")
		}
		want := strings.ReplaceAll(c.want, " ", "")
		got := []byte(hex.EncodeToString(p.Transport()))[:len(want)]
		for i := range got {
			if want[i] == 'x' {
				got[i] = 'x'
			}
		}
		if string(got) != want {
			t.Errorf("%s: %s, want %s", k.name, got, want)
		}
		if c.kind == 2 && wire.Checksum(p.Transport(), 0) != 0 {
			t.Errorf("%s: the checksum is wrong", k.name)
		}
	}
}

// TestGUESourcePort: all packets of a flow have one source port, the segments of
// a super-frame too; flows are spread over the range, otherwise with another
// seed.
func TestGUESourcePort(t *testing.T) {
	port := func(seed uint64, f wiretest.Flow, payload int) uint16 {
		p := wiretest.TCP(f, wire.ACK, wiretest.Payload(payload))
		if !NewTunnel(realAddr, GUE, false, 5555, seed).Encap(p, directorAddr, 1, true) {
			t.Fatal("refused")
		}
		return p.SrcPort
	}
	const flows = 1000
	seen, same := map[uint16]bool{}, 0
	for i := range flows {
		f := wiretest.Flow{Src: "192.0.2.10:" + strconv.Itoa(1024+i), Dst: forwardtest.Virtual}
		n := port(1, f, 0)
		if n < 32768 || n > 60999 || n != port(1, f, 100) {
			t.Fatalf("port %d, then %d", n, port(1, f, 100))
		}
		if n == port(2, f, 0) {
			same++
		}
		seen[n] = true
	}
	if len(seen) < flows*95/100 || same > 10 { // 983 are to be expected of 28,232
		t.Errorf("%d ports for %d flows, %d of them with another seed too", len(seen), flows, same)
	}
}
