package wire_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/gopacket"
	"pgregory.net/rapid"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// TestSumEverySizeAndOffset holds Sum against the slow oracle at all sizes to
// 300 and all alignments, over random bytes, zeros and ones.
func TestSumEverySizeAndOffset(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ones := make([]byte, 400)
	for i := range ones {
		ones[i] = 0xff
	}
	for _, buf := range [][]byte{randomBytes(r, 400), make([]byte, 400), ones} {
		for off := range 8 {
			for n := range 301 {
				b := buf[off : off+n]
				if got, want := wire.Fold(wire.Sum(b, 0)), wiretest.SlowSum(b); got != want {
					t.Fatalf("offset %d size %d: sum %#04x, want %#04x", off, n, got, want)
				}
			}
		}
	}
}

func TestSumOfLargeBuffers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1460, 65535, 1 << 20} {
		b := randomBytes(r, n)
		if got, want := wire.Checksum(b, 0), wiretest.SlowChecksum(b); got != want {
			t.Errorf("size %d: checksum %#04x, want %#04x", n, got, want)
		}
	}
}

func TestSumOfPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "b")
		cut := rapid.IntRange(0, len(b)/2).Draw(t, "cut") * 2
		got := wire.Fold(wire.Sum(b[cut:], wire.Sum(b[:cut], 0)))
		if want := wiretest.SlowSum(b); got != want {
			t.Fatalf("pieces sum to %#04x, whole to %#04x", got, want)
		}
	})
}

func TestFold(t *testing.T) {
	for in, want := range map[uint64]uint16{0: 0, 1: 1, 0xffff: 0xffff, 0x10000: 1, 0x1fffe: 0xffff,
		1 << 63: 1 << 15, ^uint64(0): 0xffff, 0xffffffff00000000: 0xffff, 0xfffffffeffffffff: 0xfffe} {
		if got := wire.Fold(in); got != want {
			t.Errorf("Fold(%#x) = %#04x, want %#04x", in, got, want)
		}
	}
}

// TestKnownChecksums has the examples of the RFCs.
func TestKnownChecksums(t *testing.T) {
	rfc1071 := []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}
	if got := wire.Fold(wire.Sum(rfc1071, 0)); got != 0xddf2 {
		t.Errorf("RFC 1071 section 3: sum %#04x, want 0xddf2", got)
	}
	if got := wire.Diff16(0x5555, 0x3285).Update(0xdd2f); got != 0x0000 {
		t.Errorf("RFC 1624 section 4: %#04x, want 0x0000", got)
	}
}

var drawAddr = rapid.Custom(func(t *rapid.T) wire.Addr {
	b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
	if rapid.Bool().Draw(t, "v4") {
		return wire.AddrFrom4([4]byte(b[:4]))
	}
	return wire.AddrFrom16([16]byte(b))
})

// drawSameFamily returns an address of a's family.
func drawSameFamily(t *rapid.T, a wire.Addr) wire.Addr {
	b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "same family")
	if a.Is4() {
		return wire.AddrFrom4([4]byte(b[:4]))
	}
	return wire.AddrFrom16([16]byte(b))
}

func TestPseudoSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := drawAddr.Draw(t, "src")
		dst := drawSameFamily(t, src)
		if !src.Is4() && dst.Is4() {
			return
		}
		proto := rapid.ByteRange(1, 255).Draw(t, "proto")
		n := rapid.IntRange(0, 65535).Draw(t, "length")
		got := wire.Fold(wire.PseudoSum(src, dst, proto, n))
		if want := wiretest.SlowSum(wiretest.PseudoHeader(src, dst, proto, n)); got != want {
			t.Fatalf("%v %v %d %d: %#04x, want %#04x", src, dst, proto, n, got, want)
		}
	})
}

// TestIncrementalEqualsFull changes addresses and ports of random packets and
// compares the incremental checksum with one computed from nothing. A wrong
// checksum must stay wrong by the same amount.
func TestIncrementalEqualsFull(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src, body := drawAddr.Draw(t, "src"), rapid.SliceOfN(rapid.Byte(), 8, 64).Draw(t, "body")
		dst, to := drawSameFamily(t, src), drawSameFamily(t, src)
		port := rapid.Uint16().Draw(t, "port")
		before := wire.Checksum(body, wire.PseudoSum(src, dst, 6, len(body)))
		d := wire.DiffAddr(dst, to) + wire.Diff16(uint16(body[2])<<8|uint16(body[3]), port)
		body[2], body[3] = byte(port>>8), byte(port)
		want := wire.Checksum(body, wire.PseudoSum(src, to, 6, len(body)))
		if got := d.Update(before); got != want {
			t.Fatalf("incremental %#04x, full %#04x", got, want)
		}
		wrong := rapid.Uint16Range(1, 0xfffe).Draw(t, "wrong by")
		spoilt := wire.Fold(uint64(before) + uint64(wrong))
		if got, want := d.Update(spoilt), wire.Fold(uint64(want)+uint64(wrong)); got%0xffff != want%0xffff {
			t.Fatalf("wrong checksum became %#04x, want %#04x", got, want)
		}
	})
}

// TestPartialFollowsAddresses holds the rule for checksums left to the device:
// the field is the pseudo-header sum before and after.
func TestPartialFollowsAddresses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := drawAddr.Draw(t, "src")
		dst, to := drawSameFamily(t, src), drawSameFamily(t, src)
		n := rapid.IntRange(8, 65000).Draw(t, "length")
		before := wire.Fold(wire.PseudoSum(src, dst, 17, n))
		want := wire.Fold(wire.PseudoSum(src, to, 17, n))
		if got := wire.DiffAddr(dst, to).UpdatePartial(before); got != want {
			t.Fatalf("partial %#04x, want %#04x", got, want)
		}
	})
}

func TestUpdateIsReversible(t *testing.T) {
	a, b := wiretest.Addr("198.51.100.1"), wiretest.Addr("192.0.2.10")
	there := wire.DiffAddr(a, b) + wire.Diff16(80, 8080)
	back := wire.DiffAddr(b, a) + wire.Diff16(8080, 80)
	for sum := range 0xffff { // 0xffff itself comes back as its equal, 0
		if got := back.Update(there.Update(uint16(sum))); got != uint16(sum) {
			t.Fatalf("%#04x came back as %#04x", sum, got)
		}
	}
	if got := wire.DiffAddr(b, a).Update(wire.DiffAddr(a, b).Update(7)); got != 7 {
		t.Errorf("7 came back as %d", got)
	}
}

func TestUDPZeroRules(t *testing.T) {
	d := wire.Diff16(0, 5)
	if got := d.UpdateUDP(0); got != 0 {
		t.Errorf("no checksum became %#04x", got)
	}
	if got := d.UpdateUDP(5); got != 0xffff {
		t.Errorf("computed zero is sent as %#04x, want 0xffff", got)
	}
	if got := wire.Diff16(5, 0).UpdateUDP(0xffff); got != 5 {
		t.Errorf("from all ones: %#04x, want 5", got)
	}
	if wire.UDPZero(0) != 0xffff || wire.UDPZero(1) != 1 {
		t.Error("UDPZero changes what it must not, or does not what it must")
	}
}

// TestHeaderChecksumEveryWord spoils each bit of a valid header: Parse must
// see it, unless the fault lies in a field it judges first.
func TestHeaderChecksumEveryBit(t *testing.T) {
	p := wiretest.UDP(flow, wiretest.Payload(10))
	for bit := range wire.IPv4Len * 8 {
		c := wiretest.Clone(p)
		c.IP()[bit/8] ^= 1 << (bit % 8)
		if wire.Parse(c) == wire.FaultNone {
			t.Errorf("bit %d flipped: no fault", bit)
		}
	}
}

// TestChecksumsAgainstGopacket lets gopacket compute the checksums of the same
// packets.
func TestChecksumsAgainstGopacket(t *testing.T) {
	for n := range 80 {
		p := wiretest.UDP(flow, wiretest.Payload(n))
		b := wiretest.Clone(p).IPv4()
		h, u := b, wire.UDP(b[wire.IPv4Len:])
		h.FillChecksum()
		u.SetChecksum(0)
		u.SetChecksum(wire.UDPZero(wire.Checksum(u, wire.PseudoSum(p.Src, p.Dst, wire.ProtoUDP, len(u)))))
		if want := gopacketBytes(t, p); string(b) != string(want) {
			t.Fatalf("size %d:\n%x\nwant\n%x", n, b, want)
		}
	}
}

// gopacketBytes serialises p's IP packet anew.
func gopacketBytes(t *testing.T, p *wire.Packet) []byte {
	d := wiretest.Decode(t, p.Frame())
	if err := d.UDP.SetNetworkLayerForChecksum(d.IP); err != nil {
		t.Fatal(err)
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, d.IP, d.UDP, gopacket.Payload(d.UDP.Payload)); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
