package procfs

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ulvs/control/api"
	"ulvs/service"
)

// What the recordings show is tested in package ipvsadm, which replays them;
// here is what they do not show.

// fixed is a Source whose state does not change.
type fixed struct {
	state api.State
	conns []api.Connection
	err   error
}

func (f *fixed) State() (*api.State, error) { return &f.state, f.err }

func (f *fixed) Connections(yield func(api.Connection) error) error {
	for _, c := range f.conns {
		if err := yield(c); err != nil {
			return err
		}
	}
	return f.err
}

func text(t *testing.T, name string, s Source) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, name, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestServiceLines(t *testing.T) {
	v4, v6 := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8:2::1")
	for _, c := range []struct {
		v    service.VirtualService
		want string
	}{
		{service.VirtualService{Key: service.Key{Mark: 5}, Scheduler: "rr", OnePacket: true}, "FWM  00000005 rr ops "},
		{service.VirtualService{Key: service.Key{Mark: 5, IPv6: true}, Scheduler: "rr", Persistent: time.Second, Netmask: 56},
			"FWM  00000005 rr persistent 100 38000000"},
		{service.VirtualService{Key: service.Key{Protocol: service.UDP, Addr: v6, Port: 53}, Scheduler: "rr", OnePacket: true},
			"UDP  [2001:0db8:0002:0000:0000:0000:0000:0001]:0035 rr "},
		{service.VirtualService{Key: service.Key{Protocol: service.TCP, Addr: v4, Port: 80}, Scheduler: "rr", Persistent: time.Second,
			Mask: netip.MustParseAddr("255.0.255.0")}, "TCP  C6336401:0050 rr  persistent 100 FF00FF00"},
		{service.VirtualService{Key: service.Key{Protocol: service.TCP, Addr: v4, Port: 80}, Scheduler: "rr", Persistent: time.Second,
			Mask: netip.MustParseAddr("0.0.0.0")}, "TCP  C6336401:0050 rr  persistent 100 00000000"},
	} {
		s := &fixed{state: api.State{Size: 4096, Services: []api.ServiceState{{VirtualService: c.v}}}}
		if got := strings.Split(text(t, "ip_vs", s), "\n")[3]; got != c.want {
			t.Errorf("%v: %q, want %q", c.v.Key, got, c.want)
		}
	}
}

func TestForwardingMethods(t *testing.T) {
	for m, want := range map[service.Method]string{service.NAT: "Masq", service.Local: "Local", service.Tunnel: "Tunnel", service.DR: "Route"} {
		if got := forward(m); got != want {
			t.Errorf("%v is %q, want %q", m, got, want)
		}
	}
}

func TestTemplateOfMark(t *testing.T) {
	s := &fixed{conns: []api.Connection{{Client: netip.MustParseAddrPort("192.0.2.2:0"), Virtual: netip.MustParseAddrPort("0.0.0.1:0"),
		Real: netip.MustParseAddrPort("[2001:db8:3::1]:0"), State: "NONE", Expires: 49*time.Second + 999*time.Millisecond}, {}}}
	want := "IP  C0000202 0000 00000001 0000 2001:0db8:0003:0000:0000:0000:0000:0001 0000 NONE             49"
	if got := strings.Split(text(t, "ip_vs_conn", s), "\n")[1]; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestUnknownFile(t *testing.T) {
	if err := Write(&strings.Builder{}, "ip_vs_lblc", &fixed{}); err == nil || !strings.Contains(err.Error(), "ip_vs_stats") {
		t.Errorf("%v", err)
	}
}

// TestReplace: files appear whole, are replaced, and go; nothing else stays.
func TestReplace(t *testing.T) {
	dir, s := t.TempDir(), &fixed{}
	for i := range 2 {
		s.state.Size = i
		if err := Replace(dir, Names(), s); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "ip_vs"))
		if want := text(t, "ip_vs", s); err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if got, want := list(t, dir), slices.Sorted(slices.Values(Names())); !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	for range 2 { // the second time there is nothing to remove
		if err := Remove(dir, Names()); err != nil || len(list(t, dir)) != 0 {
			t.Errorf("left %q: %v", list(t, dir), err)
		}
	}
}

// TestReplaceFails: what was there stays, and nothing half-written.
func TestReplaceFails(t *testing.T) {
	dir, s := t.TempDir(), &fixed{}
	if err := Replace(dir, Names(), s); err != nil {
		t.Fatal(err)
	}
	s.err = errors.New("no state")
	if err := Replace(dir, []string{"ip_vs_conn"}, s); !errors.Is(err, s.err) || !strings.Contains(err.Error(), dir+"/ip_vs_conn") {
		t.Errorf("error %v", err)
	}
	if got := list(t, dir); len(got) != len(Names()) {
		t.Errorf("files %q", got)
	}
	if err := Replace(filepath.Join(dir, "none"), Names(), s); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
