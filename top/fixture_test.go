package top

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"ulvs/control/api"
	"ulvs/service"
)

// fake is a Source of one look after the other, of the last for ever.
type fake struct {
	looks []*Look
	err   error
}

func (f *fake) Info(context.Context) (*api.Info, error) {
	if f.err != nil {
		return nil, f.err
	}
	return f.looks[0].Info, nil
}

func (f *fake) Reasons(context.Context) (api.Reasons, error) { return f.looks[0].Reasons, nil }

func (f *fake) State(context.Context) (*api.State, error) {
	s := f.looks[0].State
	if len(f.looks) > 1 {
		f.looks = f.looks[1:]
	}
	return s, nil
}

// lookAt is a daemon of 90 seconds and more, with nothing to do.
func lookAt(at time.Duration, services ...api.ServiceState) *Look {
	l := &Look{At: at, Reasons: api.Reasons{}, State: &api.State{Version: 1, Services: services}, Info: &api.Info{
		PID: 7, Uptime: 90*time.Second + at, Connections: 1234, Capacity: 1 << 20, Interfaces: []string{"eth0"}, Socket: "/run/ulvs/x.sock"}}
	for _, s := range services {
		l.State.Stats.Conns += s.Stats.Conns
		l.State.Stats.InPackets += s.Stats.InPackets
		l.State.Stats.OutPackets += s.Stats.OutPackets
		l.State.Stats.InBytes += s.Stats.InBytes
		l.State.Stats.OutBytes += s.Stats.OutBytes
	}
	return l
}

// tcpService is a service at addr:port with servers whose counters it sums.
func tcpService(addr string, port uint16, scheduler string, servers ...api.ServerState) api.ServiceState {
	s := api.ServiceState{Servers: servers, VirtualService: service.VirtualService{
		Key: service.Key{Protocol: service.TCP, Addr: netip.MustParseAddr(addr), Port: port}, Scheduler: scheduler}}
	for _, r := range servers {
		s.Stats.Conns += r.Stats.Conns
		s.Stats.InPackets += r.Stats.InPackets
		s.Stats.OutPackets += r.Stats.OutPackets
		s.Stats.InBytes += r.Stats.InBytes
		s.Stats.OutBytes += r.Stats.OutBytes
	}
	return s
}

// server has had so many connections of ten packets and a thousand bytes each
// way.
func server(addr string, weight int, conns uint64) api.ServerState {
	return api.ServerState{
		RealServer: service.RealServer{Addr: netip.MustParseAddr(addr), Port: 80, Weight: weight, Method: service.NAT},
		Active:     uint32(conns % 1000), Inactive: uint32(conns / 7),
		Stats: api.Stats{Conns: conns, InPackets: 10 * conns, OutPackets: 8 * conns, InBytes: 1000 * conns, OutBytes: 150000 * conns},
	}
}

// busy are two looks, two seconds apart, at three services: IPv4, IPv6, by mark.
func busy() (before, now *Look) {
	at := func(at time.Duration, n uint64) *Look {
		drained, full := server("203.0.113.14", 0, 3), server("2001:db8:1234:5678:9abc:def0:1234:5678", 1, 99)
		full.Upper, full.Active = 50, 60
		mark := tcpService("198.51.100.9", 0, "rr", server("203.0.113.21", 5, 4), server("203.0.113.22", 1, 4))
		mark.Key, mark.Persistent = service.Key{Mark: 7}, 5*time.Minute
		l := lookAt(at,
			tcpService("198.51.100.1", 80, "wrr", server("203.0.113.13", 3, 3000+30*n), server("203.0.113.12", 2, 2000+19*n),
				server("203.0.113.11", 1, 1000+11*n), drained),
			tcpService("2001:db8::1", 443, "wlc", server("2001:db8::11", 1, 5*n), full),
			mark)
		l.Reasons = api.Reasons{"forwarded-nat": 60000 + 600*n, "forwarded-reply": 48000 + 480*n, "passed-no-service": 12 + n,
			"passed-arp": 40, "answered-arp": 7, "held-neighbour": 3, "dropped-no-route": 2 + n/2, "malformed-ip-checksum": 1}
		return l
	}
	return at(0, 0), at(2*time.Second, 2)
}

// many is a look at n services of two servers.
func many(at time.Duration, n int) *Look {
	var all []api.ServiceState
	for i := range n {
		all = append(all, tcpService(fmt.Sprintf("198.51.100.%d", i%250), uint16(1000+i), "rr",
			server(fmt.Sprintf("203.0.113.%d", i%250), 1, uint64(i)), server("203.0.113.251", 1, uint64(i/2))))
	}
	return lookAt(at, all...)
}
