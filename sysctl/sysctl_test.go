package sysctl

import (
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

// recorded are the defaults of a Linux 6.1 kernel. Its sync_qlen_max depends on
// the memory of the machine; lblc, which makes lblc_expiration, was not loaded.
const recorded = `am_droprate = 10
amemthresh = 1024
backup_only = 0
cache_bypass = 0
conn_reuse_mode = 1
conntrack = 0
debug_level = 0
drop_entry = 0
drop_packet = 0
expire_nodest_conn = 0
expire_quiescent_template = 0
ignore_tunneled = 0
lblcr_expiration = 86400
nat_icmp_send = 0
pmtu_disc = 1
run_estimation = 1
schedule_icmp = 0
secure_tcp = 0
sloppy_sctp = 0
sloppy_tcp = 0
snat_reroute = 1
sync_persist_mode = 0
sync_ports = 1
sync_refresh_period = 0
sync_retries = 0
sync_sock_size = 0
sync_threshold = 3	50
sync_version = 1
`

func TestRecordedDefaults(t *testing.T) {
	all, err := ParseFile(recorded)
	if err != nil || len(all) != 28 {
		t.Fatalf("%d assignments, %v", len(all), err)
	}
	s := Defaults()
	for _, a := range all {
		v, err := s.Get(a.Name)
		if err != nil || v != strings.Join(strings.Fields(a.Value), " ") {
			t.Errorf("%s is %q, %v, recorded %q", a.Name, v, err, a.Value)
		}
	}
	if again, err := s.SetAll(all); err != nil || again != s {
		t.Errorf("setting the defaults: %v, %+v", err, again)
	}
}

func TestNames(t *testing.T) {
	if !slices.IsSorted(Names()) {
		t.Error("names are not in order")
	}
	for _, i := range List() {
		if i.Meaning == "" || i.Range == "" {
			t.Errorf("%s has no meaning or range", i.Name)
		}
		if v, err := Defaults().Get(i.Name); err != nil || v != i.Default {
			t.Errorf("%s: default %q reads %q, %v", i.Name, i.Default, v, err)
		}
	}
}

func TestSet(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        error
		text        string // part of the error
	}{
		{"sloppy_tcp", "1", nil, ""},
		{"sloppy_tcp", "0", nil, ""},
		{"sloppy_tcp", " 1 ", nil, ""},
		{"net.ipv4.vs.sloppy_tcp", "1", nil, ""},
		{"net/ipv4/vs/sloppy_tcp", "1", nil, ""},
		{"/proc/sys/net/ipv4/vs/drop_entry", "3", nil, ""},
		{"lblc_expiration", "5", nil, ""},
		{"conntrack", "0", nil, ""},
		{"sync_threshold", "3\t50", nil, ""},
		{"sloppy_tcp", "2", ErrValue, `"2"; want 0 or 1`},
		{"sloppy_tcp", "", ErrValue, `""`},
		{"secure_tcp", "4", ErrValue, "0 (off)"},
		{"secure_tcp", "-1", ErrValue, "0 (off)"},
		{"lblcr_expiration", "2147483648", ErrValue, "2147483647"},
		{"am_droprate", "ten", ErrValue, "number"},
		{"conntrack", "1", ErrNotApplicable, "netfilter"},
		{"sync_ports", "2", ErrNotApplicable, "sync protocol"},
		{"sloppy-tcp", "1", ErrUnknown, "did you mean sloppy_tcp"},
		{"slopy_tcp", "1", ErrUnknown, "sloppy_tcp"},
		{"quiescent", "1", ErrUnknown, "expire_quiescent_template"},
		{"net.ipv4.ip_forward", "1", ErrUnknown, "ip_forward"},
		{"", "1", ErrUnknown, ""},
	} {
		was := Defaults()
		next, err := was.Set(c.name, c.value)
		if !errors.Is(err, c.want) || err != nil && (!strings.Contains(err.Error(), c.text) || next != was) {
			t.Errorf("%s = %q: %v, want %v with %q", c.name, c.value, err, c.want, c.text)
		}
		if v, _ := next.Get(c.name); err == nil && v != strings.Join(strings.Fields(c.value), " ") {
			t.Errorf("%s reads %q after %q", c.name, v, c.value)
		}
	}
}

func TestSetAllIsAtomic(t *testing.T) {
	s := Defaults()
	next, err := s.SetAll([]Assignment{{"sloppy_tcp", "1"}, {"secure_tcp", "9"}})
	if err == nil || next != s {
		t.Errorf("a wrong second assignment: %v, %+v", err, next)
	}
	next, err = s.SetAll([]Assignment{{"sloppy_tcp", "1"}, {"secure_tcp", "3"}})
	if err != nil || !next.SloppyTCP || next.SecureTCP != DefenceAlways {
		t.Errorf("two assignments: %v, %+v", err, next)
	}
}

func TestParseFile(t *testing.T) {
	all, err := ParseFile("# a comment\n\n; another\nnet.ipv4.vs.sloppy_tcp = 1\n  drop_entry=2\r\nsync_threshold = 3 50\n")
	want := []Assignment{{"net.ipv4.vs.sloppy_tcp", "1"}, {"drop_entry", "2"}, {"sync_threshold", "3 50"}}
	if err != nil || !slices.Equal(all, want) {
		t.Errorf("%v, %v", all, err)
	}
	for _, bad := range []string{"sloppy_tcp", "a=1\n=2", "sloppy_tcp ="} {
		if _, err := ParseFile(bad); err == nil || !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

var update = flag.Bool("update", false, "write docs/settings.md")

// TestDocument compares docs/settings.md with the code; go test ./sysctl -update
// writes it.
func TestDocument(t *testing.T) {
	const path, mark = "../docs/settings.md", "<!-- from here on written by go test ./sysctl -update -->\n\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(text), mark)
	want := head + mark + Document()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !ok || string(text) != want {
		t.Errorf("%s is not what the code says: go test ./sysctl -update", path)
	}
}
