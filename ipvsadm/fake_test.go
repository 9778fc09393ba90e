package ipvsadm

import (
	"net/netip"
	"slices"
	"strings"

	"ulvs/control/api"
	"ulvs/service"
)

// fakeEnv is a daemon in memory: a service.Table with the schedulers of a
// kernel, counters from a test, and a fixed set of names.
type fakeEnv struct {
	table    *service.Table
	timeouts api.Timeouts
	conns    []api.Connection
	servers  map[string]api.ServerState // counts by "service server"
	totals   map[string]api.ServiceState
	stats    api.Stats // of everything
	rates    api.Rates
	hosts    map[netip.Addr]string
	denied   bool
	boot     uint8 // the constant that the kernel's service hash had when it was recorded
}

func newFakeEnv() *fakeEnv {
	return &fakeEnv{
		table:    service.NewTable(),
		timeouts: api.DefaultTimeouts,
		servers:  map[string]api.ServerState{},
		totals:   map[string]api.ServiceState{},
		hosts:    map[netip.Addr]string{netip.MustParseAddr("127.0.0.1"): "localhost"},
	}
}

// kernelSchedulers are those of the kernel that was recorded.
var kernelSchedulers = strings.Fields("rr wrr lc wlc sed nq fo ovf dh sh mh lblc lblcr")

func (e *fakeEnv) Apply(c service.Change) error {
	if e.denied {
		return api.Errorf(api.Forbidden, "denied")
	}
	next, err := e.table.Apply(c)
	if err != nil {
		return err
	}
	withScheduler := c.Op == service.AddService || c.Op == service.EditService
	if withScheduler && !slices.Contains(kernelSchedulers, c.Service.Scheduler) {
		return api.Errorf(api.NoScheduler, "no scheduler %s", c.Service.Scheduler)
	}
	e.table = next
	return nil
}

func (e *fakeEnv) State() (*api.State, error) {
	if e.denied {
		return nil, api.Errorf(api.Forbidden, "denied")
	}
	s := &api.State{Version: api.Version, Size: api.DefaultSize, Stats: e.stats, Rates: e.rates}
	for _, entry := range e.listed() {
		v := e.totals[entry.Key.String()]
		v.VirtualService, v.Servers = entry.VirtualService, nil
		for _, r := range entry.Servers {
			c := e.servers[entry.Key.String()+" "+r.Endpoint().String()]
			c.RealServer = r
			v.Servers = append(v.Servers, c)
		}
		s.Services = append(s.Services, v)
	}
	return s, nil
}

// listed returns the services in the kernel's listing order: the hash is XORed
// with a constant of each boot and namespace, firewall marks are not.
func (e *fakeEnv) listed() []*service.Entry {
	out := slices.Clone(e.table.Services())
	rank := func(v *service.Entry) int {
		if v.Mark != 0 {
			return 1<<8 + int(v.Bucket())
		}
		return int(v.Bucket() ^ e.boot)
	}
	slices.SortStableFunc(out, func(a, b *service.Entry) int { return rank(a) - rank(b) })
	return out
}

func (e *fakeEnv) Connections(yield func(api.Connection) error) error {
	for _, c := range e.conns {
		if err := yield(c); err != nil {
			return err
		}
	}
	return nil
}

func (e *fakeEnv) Timeouts() (*api.Timeouts, error) {
	t := e.timeouts
	return &t, nil
}

func (e *fakeEnv) SetTimeouts(t api.Timeouts) error {
	if t.TCP != 0 {
		e.timeouts.TCP = t.TCP
	}
	if t.TCPFin != 0 {
		e.timeouts.TCPFin = t.TCPFin
	}
	if t.UDP != 0 {
		e.timeouts.UDP = t.UDP
	}
	return nil
}

func (e *fakeEnv) Zero(key *service.Key) error {
	if key != nil && e.table.Find(*key) == nil {
		return service.ErrNoService
	}
	if key == nil {
		e.stats, e.rates = api.Stats{}, api.Rates{}
	}
	for name, v := range e.totals {
		if key == nil || name == key.String() {
			v.Stats, v.Rates = api.Stats{}, api.Rates{}
			e.totals[name] = v
		}
	}
	for name, r := range e.servers {
		if key == nil || strings.HasPrefix(name, key.String()+" ") {
			r.Stats, r.Rates = api.Stats{}, api.Rates{}
			e.servers[name] = r
		}
	}
	return nil
}

func (e *fakeEnv) HostName(a netip.Addr) string { return e.hosts[a] }

func (e *fakeEnv) HostAddr(host string) (netip.Addr, bool) {
	for a, name := range e.hosts {
		short, _, _ := strings.Cut(name, ".")
		if a.Is4() && (name == host || short == host) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// ports are the lines of /etc/services that the recordings met.
var ports = []struct {
	name   string
	port   uint16
	protos []service.Protocol
}{
	{"ftp", 21, []service.Protocol{service.TCP}},
	{"domain", 53, []service.Protocol{service.TCP, service.UDP}},
	{"tftp", 69, []service.Protocol{service.UDP}},
	{"http", 80, []service.Protocol{service.TCP}},
	{"https", 443, []service.Protocol{service.TCP, service.UDP}},
	{"sip", 5060, []service.Protocol{service.TCP, service.UDP}},
	{"http-alt", 8080, []service.Protocol{service.TCP, service.UDP}},
}

func (e *fakeEnv) PortName(port uint16, proto service.Protocol) string {
	for _, p := range ports {
		if p.port == port && slices.Contains(p.protos, proto) {
			return p.name
		}
	}
	return ""
}

func (e *fakeEnv) Port(name string, proto service.Protocol) (uint16, bool) {
	for _, p := range ports {
		if p.name == name && slices.Contains(p.protos, proto) {
			return p.port, true
		}
	}
	return 0, false
}
