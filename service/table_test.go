package service_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ulvs/service"
)

// key makes a TCP key of "192.0.2.1:80".
func key(s string) service.Key { return keyOf(service.TCP, s) }

func keyOf(p service.Protocol, s string) service.Key {
	ap := netip.MustParseAddrPort(s)
	return service.Key{Protocol: p, Addr: ap.Addr(), Port: ap.Port()}
}

func vs(s string) service.VirtualService {
	return service.VirtualService{Key: key(s), Scheduler: "rr"}
}

func nat(s string) service.RealServer {
	ap := netip.MustParseAddrPort(s)
	return service.RealServer{Addr: ap.Addr(), Port: ap.Port(), Weight: 1}
}

func method(m service.Method, s string) service.RealServer {
	r := nat(s)
	r.Method = m
	return r
}

// build applies changes to an empty table.
func build(t *testing.T, changes ...service.Change) *service.Table {
	t.Helper()
	table := service.NewTable()
	for _, c := range changes {
		next, err := table.Apply(c)
		if err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		table = next
	}
	return table
}

func addService(v service.VirtualService) service.Change {
	return service.Change{Op: service.AddService, Service: v}
}

func addServer(k service.Key, r service.RealServer) service.Change {
	return service.Change{Op: service.AddServer, Service: service.VirtualService{Key: k}, Server: r}
}

// cmpAddrs lets cmp compare netip values.
var cmpAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// fixture has a service with two real servers and an empty one.
func fixture(t *testing.T) *service.Table {
	return build(t,
		addService(vs("198.51.100.1:80")),
		addServer(key("198.51.100.1:80"), nat("203.0.113.1:80")),
		addServer(key("198.51.100.1:80"), nat("203.0.113.2:8080")),
		addService(vs("198.51.100.2:80")),
	)
}

// TestChangeErrors has a row for each way in which a change does not fit; the
// text must name what the operator typed.
func TestChangeErrors(t *testing.T) {
	there, missing := vs("198.51.100.1:80"), vs("198.51.100.3:80")
	for _, c := range []struct {
		op     service.Op
		vs     service.VirtualService
		server service.RealServer
		want   error
		text   string
	}{
		{service.AddService, there, service.RealServer{}, service.ErrServiceExists, "TCP 198.51.100.1:80"},
		{service.EditService, missing, service.RealServer{}, service.ErrNoService, "TCP 198.51.100.3:80"},
		{service.DeleteService, missing, service.RealServer{}, service.ErrNoService, "TCP 198.51.100.3:80"},
		{service.AddServer, missing, nat("203.0.113.1:80"), service.ErrNoService, "TCP 198.51.100.3:80"},
		{service.EditServer, missing, nat("203.0.113.1:80"), service.ErrNoService, "TCP 198.51.100.3:80"},
		{service.DeleteServer, missing, nat("203.0.113.1:80"), service.ErrNoService, "TCP 198.51.100.3:80"},
		{service.AddServer, there, nat("203.0.113.1:80"), service.ErrServerExists, "203.0.113.1:80"},
		{service.AddServer, there, method(service.DR, "203.0.113.1:99"), service.ErrServerExists, "203.0.113.1:80"},
		{service.EditServer, there, nat("203.0.113.9:80"), service.ErrNoServer, "203.0.113.9:80"},
		{service.EditServer, there, method(service.DR, "203.0.113.2:8080"), service.ErrNoServer, "203.0.113.2:80"},
		{service.DeleteServer, there, nat("203.0.113.2:80"), service.ErrNoServer, "203.0.113.2:80"},
		{"replace", there, service.RealServer{}, service.ErrInvalid, `"replace"`},
	} {
		table := fixture(t)
		next, err := table.Apply(service.Change{Op: c.op, Service: c.vs, Server: c.server})
		if next != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v with %s", c.op, err, c.want, c.text)
		}
	}
}

func TestEditService(t *testing.T) {
	table := fixture(t)
	v := vs("198.51.100.1:80")
	v.Scheduler, v.Persistent = "wrr", time.Minute
	next, err := table.EditService(v)
	if err != nil {
		t.Fatal(err)
	}
	e := next.Find(v.Key)
	if e.Scheduler != "wrr" || e.Persistent != time.Minute || e.Netmask != 32 || len(e.Servers) != 2 {
		t.Errorf("edited: %+v", e)
	}
	v.Scheduler = ""
	if next, _ = next.EditService(v); next.Find(v.Key).Scheduler != service.DefaultScheduler {
		t.Errorf("scheduler left out: %q", next.Find(v.Key).Scheduler)
	}
}

// TestServerOrder: a new real server is the first; an edit keeps the place; a
// server that was deleted and is added again comes first.
func TestServerOrder(t *testing.T) {
	k := key("198.51.100.1:80")
	table := build(t, addService(vs("198.51.100.1:80")))
	order := func(want string) {
		t.Helper()
		var got []string
		for _, r := range table.Find(k).Servers {
			got = append(got, r.Addr.String()[len("203.0.113."):])
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("order %q, want %q", s, want)
		}
	}
	must := func(next *service.Table, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		table = next
	}
	for _, a := range []string{"203.0.113.1:80", "203.0.113.2:80", "203.0.113.3:80"} {
		must(table.AddServer(k, nat(a)))
	}
	order("3 2 1")
	edited := nat("203.0.113.2:80")
	edited.Weight = 9
	must(table.EditServer(k, edited))
	order("3 2 1")
	if w := table.Find(k).Server(edited.Endpoint()).Weight; w != 9 {
		t.Errorf("edited weight %d", w)
	}
	must(table.DeleteServer(k, edited.Endpoint()))
	order("3 1")
	must(table.AddServer(k, edited))
	order("2 3 1")
}

// TestKernelOrder is the order in which a kernel listed these services
// (ipvsadm -Ln --nosort), added here in another order.
func TestKernelOrder(t *testing.T) {
	persistent := func(v service.VirtualService) service.VirtualService {
		v.Persistent = 100 * time.Second
		return v
	}
	udp := func(s string) service.VirtualService {
		return service.VirtualService{Key: keyOf(service.UDP, s)}
	}
	want := []service.VirtualService{
		persistent(vs("198.51.100.5:0")),
		udp("198.51.100.8:81"), udp("198.51.100.8:82"),
		vs("198.51.100.4:80"), vs("198.51.100.2:80"), vs("0.0.0.0:80"), vs("198.51.100.1:80"),
		vs("203.0.113.9:85"), vs("203.0.113.9:84"), vs("203.0.113.9:83"),
		vs("198.51.100.8:83"), vs("198.51.100.8:80"), vs("198.51.100.8:81"),
		{Key: service.Key{Mark: 12}},
	}
	for _, backwards := range []bool{false, true} {
		in := slices.Clone(want)
		if backwards {
			slices.Reverse(in)
		}
		table := service.NewTable()
		for _, v := range in {
			table, _ = table.AddService(v)
		}
		for i, e := range table.Services() {
			if e.Key != want[i].Key {
				t.Errorf("place %d: %v, want %v", i, e.Key, want[i].Key)
			}
		}
	}
}

// TestKernelOrderBucket: within a bucket the newest is the first.
func TestKernelOrderBucket(t *testing.T) {
	a, b := vs("198.51.100.1:80"), vs("203.0.113.1:80")
	if a.Bucket() != b.Bucket() {
		t.Fatal("not of one bucket")
	}
	table := build(t, addService(a), addService(b))
	if s := table.Services(); s[0].Key != b.Key || s[1].Key != a.Key {
		t.Errorf("order %v, %v", s[0].Key, s[1].Key)
	}
}

func TestFlush(t *testing.T) {
	table := fixture(t)
	if n := len(table.Flush().Services()); n != 0 || len(table.Services()) != 2 {
		t.Errorf("after the flush %d services, before %d", n, len(table.Services()))
	}
}

// TestMappedAddresses: an IPv4-mapped address is the IPv4 address.
func TestMappedAddresses(t *testing.T) {
	table := build(t, addService(vs("[::ffff:198.51.100.1]:80")))
	k := key("198.51.100.1:80")
	table, err := table.AddServer(key("[::ffff:198.51.100.1]:80"), nat("[::ffff:203.0.113.1]:80"))
	if err != nil {
		t.Fatal(err)
	}
	if e := table.Find(k); e == nil || e.Server(netip.MustParseAddrPort("203.0.113.1:80")) == nil {
		t.Errorf("found %+v", e)
	}
	k.IPv6 = true // means nothing beside an address
	if table.Find(k) == nil {
		t.Error("not found with the IPv6 flag")
	}
}

// TestMatch is the kernel's lookup order.
func TestMatch(t *testing.T) {
	all := vs("198.51.100.1:0")
	all.Persistent = time.Minute
	ftp := vs("198.51.100.2:21")
	table := build(t,
		addService(vs("198.51.100.1:80")), addService(all), addService(ftp),
		addService(service.VirtualService{Key: service.Key{Mark: 7}}),
		addService(service.VirtualService{Key: service.Key{Mark: 8, IPv6: true}}),
		addService(vs("[2001:db8:2::1]:80")),
	)
	for _, c := range []struct {
		proto     service.Protocol
		to        string
		mark      uint32
		want      string
		schedules bool
	}{
		{service.TCP, "198.51.100.1:80", 0, "TCP 198.51.100.1:80", true},
		{service.TCP, "198.51.100.1:81", 0, "TCP 198.51.100.1:0", true},
		{service.UDP, "198.51.100.1:80", 0, "", false},
		{service.TCP, "198.51.100.1:80", 7, "FWM 7", true},
		{service.UDP, "192.0.2.9:9", 7, "FWM 7", true},
		{service.TCP, "198.51.100.1:80", 9, "TCP 198.51.100.1:80", true},
		{service.TCP, "198.51.100.1:80", 8, "TCP 198.51.100.1:80", true},
		{service.TCP, "[2001:db8:2::1]:443", 8, "FWM 8 IPv6", true},
		{service.TCP, "[2001:db8:2::1]:80", 7, "TCP [2001:db8:2::1]:80", true},
		{service.TCP, "198.51.100.2:21", 0, "TCP 198.51.100.2:21", true},
		{service.TCP, "198.51.100.2:20", 0, "TCP 198.51.100.2:21", false},
		{service.TCP, "198.51.100.2:1024", 0, "TCP 198.51.100.2:21", false},
		{service.TCP, "198.51.100.2:1023", 0, "", false},
		{service.UDP, "198.51.100.2:1024", 0, "", false},
		{service.TCP, "[::ffff:198.51.100.1]:80", 0, "TCP 198.51.100.1:80", true},
	} {
		to := netip.MustParseAddrPort(c.to)
		e := table.Match(c.proto, to.Addr(), to.Port(), c.mark)
		got, schedules := "", false
		if e != nil {
			got, schedules = e.Key.String(), e.Schedules(to.Port())
		}
		if got != c.want || schedules != c.schedules {
			t.Errorf("%v %s mark %d: %q schedules %v, want %q %v", c.proto, c.to, c.mark, got, schedules, c.want, c.schedules)
		}
	}
}

// TestChangeJSON: a change survives its text form, which has names and not
// numbers.
func TestChangeJSON(t *testing.T) {
	v := vs("198.51.100.1:80")
	v.SchedFlag, v.Persistent, v.Netmask = []string{"sh-port"}, time.Minute, 24
	for _, c := range []service.Change{
		{Op: service.Flush},
		addService(v),
		addService(service.VirtualService{Key: service.Key{Mark: 7, IPv6: true}, Mask: netip.MustParseAddr("255.0.255.0")}),
		addServer(v.Key, service.RealServer{Addr: netip.MustParseAddr("203.0.113.1"), Port: 80, Method: service.Tunnel,
			Weight: 5, Upper: 10, Lower: 2, Tunnel: service.TunnelOptions{Type: "gue", Port: 5555, Checksum: "csum"}}),
	} {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back service.Change
		if err := json.Unmarshal(text, &back); err != nil || !cmp.Equal(c, back, cmpAddrs) {
			t.Errorf("%s: %v, %s", text, err, cmp.Diff(c, back, cmpAddrs))
		}
	}
	text, _ := json.Marshal(addServer(v.Key, method(service.DR, "203.0.113.1:80")))
	for _, want := range []string{`"op":"add-server"`, `"protocol":"tcp"`, `"method":"dr"`, `"addr":"203.0.113.1"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
}
