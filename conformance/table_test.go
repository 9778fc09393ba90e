package conformance

import (
	"encoding/json"
	"strings"
	"testing"
)

// someReport has one of everything.
func someReport() *Report {
	r := &Report{Total: Group{Name: "all"}}
	good := Result{Group: "a-rr", Name: "equal", Steps: 20}
	for range 20 {
		good.add(nil)
	}
	r.add(good)
	bad := Result{Group: "a-rr", Name: "udp", Steps: 3}
	bad.add(nil)
	bad.add([]Difference{{Group: "a-rr", Scenario: "udp", Step: 2, Event: "c:udp udp 192.0.2.1:1>198.51.100.1:53", Aspect: packets, Expected: "rs1", Got: "nothing"}})
	bad.add(nil)
	r.add(bad)
	kernel := Result{Group: "a-misc", Name: "fwm-change", Steps: 2}
	kernel.add(nil)
	kernel.add([]Difference{{Group: "a-misc", Scenario: "fwm-change", Step: 7, Event: "c:S", Aspect: packets, Expected: "nothing", Got: "rs2"}})
	r.add(kernel)
	defer func(was []exception) { notYet = was }(notYet) // a list of the test's own
	notYet = []exception{{group: "d", scenarios: "tun-gre", reason: "GRE tunnels"}}
	later := Result{Group: "d", Name: "tun-gre", Steps: 2}
	later.add(nil)
	later.add([]Difference{{Group: "d", Scenario: "tun-gre", Step: 2, Event: "SYN", Aspect: packets, Expected: "rs1", Got: "rs1"}})
	later.judge()
	r.add(later)
	return r
}

const golden = `group   scenarios  steps  agreed  percent  not yet  deviations  first difference
a-rr    2          23     22      95.6     0        0           udp step 2, c:udp udp 192.0.2.1:1>198.51.100.1:53: expected rs1, got nothing
a-misc  1          2      1       50.0     0        1           -
d       1          2      0       0.0      2        0           -
all     4          27     23      85.1     2        1           -

Deviations on purpose:
  a-misc/fwm-change, step 7: edit from NAT to DR: the same kernel bug

Not yet:
  d/tun-gre, step 2: GRE tunnels

`

func TestTable(t *testing.T) {
	var b strings.Builder
	r := someReport()
	if err := r.WriteTable(&b, false); err != nil || b.String() != golden {
		t.Errorf("%v\n%s\nwant\n%s", err, &b, golden)
	}
	b.Reset()
	if err := r.WriteTable(&b, true); err != nil {
		t.Fatal(err)
	}
	want := golden + `a-rr/udp step 2, c:udp udp 192.0.2.1:1>198.51.100.1:53: packet: expected rs1, got nothing
a-misc/fwm-change step 7, c:S: packet: expected nothing, got rs2 (edit from NAT to DR)
d/tun-gre step 2, SYN: packet: expected rs1, got rs1 (GRE tunnels)
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", &b, want)
	}
	if !r.Failed() {
		t.Error("a report with a difference that is on no list has not failed")
	}
}

// TestPassing: what is on the lists is no failure.
func TestPassing(t *testing.T) {
	r := &Report{}
	for _, s := range []Result{
		{Group: "a", Name: "good", Steps: 5, Agreed: 5},
		{Group: "a", Name: "known", Steps: 5, Agreed: 3, Deviating: 1, NotYet: 1},
	} {
		r.add(s)
	}
	if r.Failed() {
		t.Errorf("%+v has failed", r.Total)
	}
}

func TestReportAsJSON(t *testing.T) {
	b, err := json.Marshal(someReport())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"name":"a-rr","scenarios":2,"steps":23,"agreed":22,"notYet":0,"deviating":0,"first":{"group":"a-rr","scenario":"udp","step":2,`,
		`"deviations":[{"where":"a-misc/fwm-change","steps":[7],"name":"edit from NAT to DR",`,
		`"notYet":[{"where":"d/tun-gre","steps":[2],"reason":"GRE tunnels"}]`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s\nhas no %s", b, want)
		}
	}
}
