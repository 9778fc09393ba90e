package lesson

import (
	"bytes"
	"errors"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ulvs/doctor"
	"ulvs/lab"
	"ulvs/wire"
)

// The lessons themselves are run by the end-to-end tests, which have a ulvs.

func TestLessonsAreWhole(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	var seen []string
	for _, l := range Lessons() {
		e := l.Exercise
		if !name.MatchString(l.Name) || slices.Contains(seen, l.Name) {
			t.Errorf("name %q", l.Name)
		}
		if seen = append(seen, l.Name); l.Title == "" || l.Goal == "" || l.Play == nil || e.Task == "" || e.Host == "" || len(e.Solution) == 0 || e.Mark == nil {
			t.Errorf("%s: something is missing", l.Name)
		}
		if found, err := Find(l.Name); err != nil || found != l {
			t.Errorf("Find(%s): %v", l.Name, err)
		}
	}
	var usage *lab.UsageError
	if _, err := Find("best"); !errors.As(err, &usage) || !strings.Contains(err.Error(), `"best" is not one of tutorial-dr `) {
		t.Errorf("error %v", err)
	}
}

// TestFindings: what lessons break is what ulvs doctor has a name for.
func TestFindings(t *testing.T) {
	for _, l := range Lessons() {
		known := slices.ContainsFunc(doctor.Definitions(), func(d doctor.Definition) bool { return string(d.ID) == l.Finding })
		if l.Finding != "" && !known {
			t.Errorf("%s: doctor has no finding %q", l.Name, l.Finding)
		}
	}
}

func TestDecode(t *testing.T) {
	client, vip := netip.MustParseAddrPort("203.0.113.7:40000"), netip.MustParseAddrPort("198.51.100.1:80")
	packet := syn(client, vip)
	tunnel := make([]byte, wire.IPv4Len)
	h := wire.IPv4Header{TotalLen: wire.IPv4Len + len(packet), TTL: 64, Protocol: wire.ProtoIPIP, Src: [4]byte{192, 0, 2, 2}, Dst: [4]byte{192, 0, 2, 11}}
	h.Put(tunnel)
	const way = "203.0.113.7:40000 > 198.51.100.1:80\tSYN ttl 64, 40 bytes"
	for _, tt := range []struct {
		body []byte
		kind uint16
		want string
	}{
		{packet, wire.EtherTypeIPv4, way},
		{append(tunnel, packet...), wire.EtherTypeIPv4, "192.0.2.2 > 192.0.2.11\t[ " + strings.ReplaceAll(way, "\t", " ") + " ] 60 bytes"},
		{packet[:30], wire.EtherTypeIPv4, ""},
		{packet, wire.EtherTypeVLAN, ""},
	} {
		frame := append(make([]byte, wire.EthernetLen), tt.body...)
		wire.Ethernet(frame).SetEtherType(tt.kind)
		h, ok := decode(lab.Frame{Host: "rs1", Data: frame})
		if ok != (tt.want != "") || ok && (h.what() != tt.want || !isRequest(&h)) {
			t.Errorf("decode: %v %q, want %q", ok, h.what(), tt.want)
		}
	}
}

func TestDecodeARP(t *testing.T) {
	vip, client := netip.MustParseAddr("192.0.2.100"), netip.MustParseAddr("192.0.2.10")
	b := make([]byte, wire.ARPFrameLen)
	wire.BuildARP(b, arpReply, wire.MAC{2, 0, 0, 0, 0, 1}, wire.AddrFrom(vip), wire.MAC{2, 0, 0, 0, 0, 2}, wire.AddrFrom(client))
	h, ok := decode(lab.Frame{Host: "client", Data: b})
	if want := "client\tin\t02:00:00:00:00:01 > 02:00:00:00:00:02\tARP 192.0.2.100 is at 02:00:00:00:00:01"; !ok || h.row() != want || !h.isReply() || !arpFor(vip)(&h) || arpFor(client)(&h) {
		t.Errorf("row %q, want %q", h.row(), want)
	}
}

func TestPages(t *testing.T) {
	write := func(p page) {
		p.part("Part")
		p.say("one\ntwo\n\nthree")
		p.command("rs1", "ip a", "a\x1b[31m  \nb\n")
		p.command("rs2", "true", "")
		p.predict(1, "it works")
		p.packets(nil)
		p.checked(1, false, "no\n")
		p.foot(2, 1)
	}
	var book, screen bytes.Buffer
	write(&markdown{w: &book})
	write(&terminal{w: &screen})
	const wantBook = "## Part\n\none two\n\nthree\n\n```console\nrs1# ip a\na?[31m\nb\nrs2# true\n```\n\n> **Prediction 1.** it works\n\n```text\n(nothing)\n```\n\n**1 WRONG:** no\n\n1 of 2 checks: WRONG\n"
	if book.String() != wantBook {
		t.Errorf("markdown\n%q, want\n%q", book.String(), wantBook)
	}
	const wantScreen = "\n== Part\n\none two\n\nthree\n\nrs1# ip a\na?[31m\nb\nrs2# true\n\n? Prediction 1: it works\n\n  (nothing)\n\nWRONG 1: no\n\n1 of 2 checks: WRONG\n"
	if screen.String() != wantScreen {
		t.Errorf("terminal\n%q, want\n%q", screen.String(), wantScreen)
	}
}

func TestFirstFinding(t *testing.T) {
	const printed = "ok      daemon  x\nerror   nat-return  gone\n        seen  after 0.31 ms\n        fix   y\nerror   nat-return  again\n1 error\n"
	if got, want := steady(firstFinding(printed, "nat-return")), "error   nat-return  gone\n        seen  after N ms\n        fix   y\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := firstFinding(printed, "table"); got != "" {
		t.Errorf("found %q", got)
	}
}

func TestReader(t *testing.T) {
	r := &reader{in: strings.NewReader("yes\nrest")}
	if line, ok := r.line(); line != "yes" || !ok {
		t.Errorf("line %q, %v", line, ok)
	}
	if line, ok := r.line(); line != "rest" || ok {
		t.Errorf("at the end %q, %v", line, ok)
	}
}

func TestTally(t *testing.T) {
	if got := tally([]string{"rs2", "rs1", "rs2"}); got != "rs1 1, rs2 2" {
		t.Error(got)
	}
	if n := moved([]string{"rs1", "rs3", "rs2"}, []string{"rs2", "rs1", "rs2"}, "rs3"); n != 1 {
		t.Error(n)
	}
}
