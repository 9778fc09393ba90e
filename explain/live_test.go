package explain

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// liveRecord is of a packet that NAT has rewritten, its checksum left to the
// device if that is wanted.
func liveRecord(t *testing.T, opts ...wiretest.Option) *Record {
	t.Helper()
	f := wiretest.Flow{Src: "192.0.2.7:40000", Dst: "198.51.100.1:80"}
	before := wiretest.TCP(f, wire.SYN, nil, opts...)
	f.Dst = "203.0.113.1:8080"
	after := wiretest.TCP(f, wire.SYN, nil, opts...)
	before.Fault = wire.Parse(before)
	d := &dataplane.Trace{
		Before: before.Frame(), Packet: *before, Sent: []dataplane.Sent{{Port: 9, Frame: after.Frame()}},
		Verdict: dataplane.Forwarded, Reason: dataplane.ForwardedNAT,
	}
	d.Packet.In = 7
	names := func(n uint16) string { return map[uint16]string{7: "eth7", 9: "eth9"}[n] }
	return Live(d, service.NewTable(), names, time.Unix(1, 0).UTC())
}

// TestLiveCrosses: what crosses the API as JSON is printed as it would be here.
func TestLiveCrosses(t *testing.T) {
	r := liveRecord(t)
	if r.In != "eth7" || r.Sent[0].Port != "eth9" || r.Source != "live" || len(r.Sent[0].Sums) != 2 {
		t.Errorf("record %+v", r)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseRecord(text)
	if err != nil {
		t.Fatal(err)
	}
	var here, there strings.Builder
	if err := NewText(&here, Style{}).Print(r); err != nil {
		t.Fatal(err)
	}
	if err := NewText(&there, Style{}).Print(again); err != nil {
		t.Fatal(err)
	}
	if here.String() != there.String() || !strings.Contains(here.String(), "destination port       80 -> 8080") {
		t.Errorf("here\n%s\nthere\n%s", &here, &there)
	}
	if !again.At.Equal(time.Unix(1, 0)) {
		t.Errorf("time %v", again.At)
	}
	again.Cut(20)
	if len(again.Packet.Bytes()) != 20 || len(again.Packet.Frame) != 40 || again.Packet.Length != r.Packet.Length || len(again.Sent[0].Bytes()) != 20 {
		t.Errorf("cut: %+v", again)
	}
	again.Cut(1000)
}

// TestLiveUnfinished: a checksum that is left to the device is not worked out.
func TestLiveUnfinished(t *testing.T) {
	if s := liveRecord(t, wiretest.WithPartial()).Sent[0].Sums; len(s) != 1 || s[0].Of != "ip" {
		t.Errorf("checksums %+v", s)
	}
}

func TestParseRecordRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"{": "record of a packet: unexpected end", `{"version":2}`: "version 2, not 1",
		`{"version":1,"packet":{"frame":"0x"}}`:                "record of a packet: frame: ",
		`{"version":1,"sent":[{"port":"eth0","frame":"abc"}]}`: "record of a packet: frame: ",
	} {
		if _, err := ParseRecord([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
