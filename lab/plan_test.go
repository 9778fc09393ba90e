package lab

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"ulvs/sched"
	"ulvs/wire"
)

// TestPlansAreSound: no address or MAC twice in a network, every interface of
// a network known, names that the kernel takes.
func TestPlansAreSound(t *testing.T) {
	for _, c := range Matrix(maxServers) {
		p := newPlan(c)
		seen := map[string]bool{}
		for _, h := range p.hosts {
			for _, i := range h.links {
				if i.Network == "" {
					continue
				}
				if !slices.Contains(p.networks, i.Network) {
					t.Errorf("%v: %s: no network %q", c, h.name, i.Network)
				}
				if name := portName(h.name, i.Name); len(name) > 15 {
					t.Errorf("%v: interface name %q is too long", c, name)
				}
				for _, key := range append([]string{i.MAC}, i.Addrs[0].String()) {
					if seen[key] {
						t.Errorf("%v: %s twice", c, key)
					}
					seen[key] = true
				}
			}
		}
		if len(p.hosts) < maxServers+2 {
			t.Errorf("%v: %d hosts", c, len(p.hosts))
		}
	}
}

func TestMatrixNames(t *testing.T) {
	all := Matrix(1)
	if len(all) != 12 || all[0].String() != "dr,vip-on-host,ip_forward=0" || all[11].String() != "tun,vip-not-on-host,ip_forward=1" {
		t.Errorf("matrix %v", all)
	}
}

func TestPromise(t *testing.T) {
	for _, tt := range []struct {
		scheduler string
		weights   []int
		n         int
		want      []int
	}{
		{"wrr", []int{1, 2, 3}, 300, []int{50, 100, 150}},
		{"wrr", []int{1, 2, 3}, 3, []int{1, 1, 1}}, // the first pass takes each once
		{"wrr", []int{1, 2, 3}, 9, []int{2, 3, 4}},
		{"rr", []int{1, 2, 3}, 301, []int{100, 100, 101}},
		{"rr", []int{1, 0, 1}, 10, []int{5, 0, 5}},
		{"lc", []int{1, 1, 1}, 4, []int{1, 1, 2}},
		{"wlc", []int{1, 2, 3}, 300, []int{50, 100, 150}},
	} {
		var servers []*sched.Server
		for i, w := range tt.weights {
			servers = append(servers, sched.NewServer(wire.AddrFrom(host(oneNet, 11+i)), 80, int32(w)))
		}
		got, err := promise(tt.scheduler, servers, &sched.Flow{}, tt.n)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s %v over %d: %v, want %v (%v)", tt.scheduler, tt.weights, tt.n, got, tt.want, err)
		}
	}
	idle := []*sched.Server{sched.NewServer(wire.Addr{}, 80, 0)}
	if _, err := promise("rr", idle, &sched.Flow{}, 1); err == nil {
		t.Error("a server of weight 0 was picked")
	}
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		o      Options
		option string // none: accepted
	}{
		{Options{Mode: DR}, ""},
		{Options{Mode: TUN, Servers: 50, Requests: 20000}, ""},
		{Options{Mode: NAT, Weights: []int{0, 65535}}, ""},
		{Options{Mode: "bridge"}, "mode"},
		{Options{}, "mode"},
		{Options{Mode: DR, Scheduler: "mh"}, ""},
		{Options{Mode: DR, Scheduler: "best"}, "scheduler"},
		{Options{Mode: DR, Scheduler: "p2c"}, "scheduler"},
		{Options{Mode: DR, Servers: -1}, "servers"},
		{Options{Mode: DR, Servers: 51}, "servers"},
		{Options{Mode: DR, Servers: 2, Weights: []int{1}}, "weights"},
		{Options{Mode: DR, Weights: []int{-1}}, "weights"},
		{Options{Mode: DR, Weights: []int{65536}}, "weights"},
		{Options{Mode: DR, Requests: -1}, "requests"},
		{Options{Mode: DR, Requests: 20001}, "requests"},
	} {
		err := tt.o.complete()
		var usage *UsageError
		switch {
		case tt.option == "" && err != nil:
			t.Errorf("%+v: %v", tt.o, err)
		case tt.option != "" && (!errors.As(err, &usage) || usage.Option != tt.option):
			t.Errorf("%+v: error %v, want one about %s", tt.o, err, tt.option)
		}
	}
}

func TestOptionsDefaults(t *testing.T) {
	o := Options{Mode: DR}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	if o.Scheduler != "wrr" || o.Requests != 300 || !slices.Equal(o.Weights, []int{1, 2, 3}) || o.Binary == "" {
		t.Errorf("defaults %+v", o)
	}
	var usage *UsageError
	err := (&Options{Mode: "bridge"}).complete()
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), `"bridge" is not one of dr nat tun`) {
		t.Errorf("error %v", err)
	}
}

// TestBareAndBypass: what lessons ask for beside the modes.
func TestBareAndBypass(t *testing.T) {
	for _, h := range newPlan(Config{Mode: DR, Servers: 2, Bare: true}).hosts {
		if h.hides || len(h.links) != 1 {
			t.Errorf("%s of a bare lab: %+v", h.name, h)
		}
	}
	p := newPlan(Config{Mode: NAT, Servers: 1, Bypass: true})
	if r := p.hosts[2]; r.name != "router" || !r.forward || len(r.links) != 2 || r.links[1].Addrs[0].String() != "192.0.2.254/24" {
		t.Errorf("router %+v", r)
	}
	for _, h := range p.hosts {
		if strings.HasSuffix(h.gateway.String(), ".254") {
			t.Errorf("%s uses the router", h.name)
		}
	}
}
