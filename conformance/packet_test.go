package conformance

import (
	"strings"
	"testing"
	"testing/fstest"

	"ulvs/wire"
)

// TestCraftAndDescribe: a packet made from a text is described by that text.
func TestCraftAndDescribe(t *testing.T) {
	for _, text := range []string{
		"tcp 192.0.2.2:40000>198.51.100.1:80 S", "tcp 192.0.2.2:40000>198.51.100.1:80 SFRPAUEC",
		"tcp 192.0.2.2:40000>198.51.100.1:80 PA", "tcp [2001:db8:4::10]:4000>[2001:db8:2::1]:80 SA",
		"udp 203.0.113.1:53>192.0.2.20:5000", "udp [2001:db8:4::10]:4000>[2001:db8:2::1]:53",
		"sctp 192.0.2.10:5000>198.51.100.1:9899", "icmp 192.0.2.10>198.51.100.1 type=8 code=0",
	} {
		b, err := craft("", text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := describe(b); got != text {
			t.Errorf("%q describes %q", got, text)
		}
		if d, _ := decode(b); d.spoiled() {
			t.Errorf("%s has a bad checksum", text)
		}
		p := wire.Packet{Buf: append(make([]byte, wire.EthernetLen), b...)}
		p.End = len(p.Buf)
		wire.Ethernet(p.Buf).SetEtherType(wire.EtherTypeIPv4)
		if b[0]>>4 == 4 && wire.Parse(&p) != wire.FaultNone {
			t.Errorf("%s is refused by wire.Parse", text)
		}
	}
}

func TestCraftSpoiled(t *testing.T) {
	const tcp, udp = "tcp 192.0.2.2:4000>198.51.100.1:80 S", "udp 192.0.2.2:4000>198.51.100.1:53"
	for _, c := range []struct {
		ev, text string
		spoiled  bool
	}{
		{"c:S bad tcp checksum", tcp, true}, {"c:S bad ip checksum", tcp, true}, {"c:S", tcp, false},
		{"c:udp bad checksum", udp, true}, {"c:udp zero checksum", udp, false},
	} {
		b, err := craft(c.ev, c.text)
		if err != nil {
			t.Fatal(err)
		}
		if d, _ := decode(b); d.spoiled() != c.spoiled {
			t.Errorf("%s %s: bad checksum %v, want %v", c.ev, c.text, d.spoiled(), c.spoiled)
		}
	}
}

func TestCraftRefuses(t *testing.T) {
	for _, text := range []string{
		"", "tcp", "tcp 192.0.2.2:1 S", "tcp 192.0.2.2:1>198.51.100.300:80 S", "tcp 192.0.2.2:1>198.51.100.1:80 SX",
		"gre 192.0.2.2>198.51.100.1", "? 192.0.2.2>198.51.100.1",
	} {
		if b, err := craft("c:S", text); err == nil {
			t.Errorf("%q made %x", text, b)
		}
	}
}

// TestDescribe: what only comes out. The packets are from recordings.
func TestDescribe(t *testing.T) {
	for _, c := range []struct{ hex, want string }{
		{"4500003400000000400199d2c63364" + "01c000020a" + "0304000000000514" + "4500001412344000400623" + "72c000020ac6336401",
			"icmp 198.51.100.1>192.0.2.10 type=3 code=4 mtu=1300 [tcp 192.0.2.10>198.51.100.1]"},
		{"4500002800770000" + "4004" + "0000cb00717ecb007101" + "45000014123440003f060000c000020ac6336401",
			"ipip 203.0.113.126>203.0.113.1 [tcp 192.0.2.10>198.51.100.1]"},
		{"450000180078007d40110000c000020ac633640101020304", "udp 192.0.2.10>198.51.100.1 frag(off=1000,mf=0)"},
		{"45", "?"},
	} {
		b, _, err := unhex(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		if got := describe(b); got != c.want {
			t.Errorf("%s: %q, want %q", c.hex, got, c.want)
		}
	}
}

// parse reads a recording of group d.
func parse(text string) ([]*Scenario, error) {
	return loadFile(fstest.MapFS{"d/x.jsonl": {Data: []byte(text)}}, "d/x.jsonl")
}

// TestParse: a recording that is not understood is refused, with the line.
func TestParse(t *testing.T) {
	const header = `{"type":"header","name":"x","setup":[]}` + "\n"
	for _, c := range []struct{ text, want string }{
		{"nonsense", "line 1: "},
		{`{"n":1}`, "a step before the first header"},
		{header + `{"type":"footer"}`, `line 2: type is "footer"`},
		{header + `{"n":1,"ev":"c:S","out":"server 3"}`, "want drop, rsN"},
		{header + `{"n":1,"ev":"c:S","out":7}`, "line 2: "},
	} {
		if _, err := parse(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
	all, err := parse(header + `{"n":1,"ev":"c:S","out":"drop"}` + "\n" + header)
	if err != nil || len(all) != 2 || all[0].Len() != 1 || all[1].Len() != 0 {
		t.Errorf("two scenarios: %v, %v", all, err)
	}
}

// FuzzRecording: no recording, however wrong, brings the replay down.
func FuzzRecording(f *testing.F) {
	const header = `{"type":"header","name":"nat","setup":["ipvsadm -A -t 198.51.100.1:80","ipvsadm -a -t 198.51.100.1:80 -r 203.0.113.1 -m"]}` + "\n"
	for _, line := range []string{
		`{"n":1,"t":0.1,"ev":"c:S","pkt":"tcp 192.0.2.2:1>198.51.100.1:80 S","out":"rs1","d":[[1,1,1,0]],"conns":["TCP 192.0.2.2:1 198.51.100.1:80 203.0.113.1:80 SYN_RECV 60"]}`,
		`{"n":2,"ev":"cmd","cmd":"ipvsadm -Lcn","out":{"rc":0,"stdout":"IPVS connection entries\nTCP 00:01 a b c d"}}`,
		`{"n":3,"what":"zero checksum","side":"rs","hex":"450000","out":[{"to":"rs","hex":"4500001412..(20 bytes in all)"}]}`,
		`{"type":"transition","path":["c:S"],"event":"s:A","before":["SYN_RECV",60],"to":"A+B","timeout":[1],"out":"drop"}`,
		`{"n":4,"ev":"arp","out":["who-has 198.51.100.1"]}`, `{"n":5,"t":1e300,"ev":"sleep"}`,
	} {
		f.Add(header + line)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parse(text)
		if err != nil {
			return
		}
		for _, s := range all {
			if r := Run(s); r.Agreed+r.NotYet+r.Deviating > r.Steps {
				t.Errorf("%+v", r)
			}
		}
	})
}
