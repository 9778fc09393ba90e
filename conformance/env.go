package conformance

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"ulvs/conntrack"
	"ulvs/control/api"
	"ulvs/dataplane"
	"ulvs/ipvsadm"
	"ulvs/service"
	"ulvs/wire"
)

// env is ipvsadm.Env over the bench's Director. Recorded commands are numeric.
type env struct{ *bench }

func (env) HostName(netip.Addr) string                   { return "" }
func (env) HostAddr(string) (netip.Addr, bool)           { return netip.Addr{}, false }
func (env) PortName(uint16, service.Protocol) string     { return "" }
func (env) Port(string, service.Protocol) (uint16, bool) { return 0, false }

func (e env) Apply(c service.Change) error { return e.director.Apply(c) }

func (e env) Zero(key *service.Key) error { return e.director.Zero(key) }

func (e env) State() (*api.State, error) {
	s := &api.State{Version: api.Version, Size: api.DefaultSize}
	views, _, _ := e.director.Inspect()
	for _, v := range views {
		one := api.ServiceState{VirtualService: v.VirtualService, Stats: stats(v.Stats)}
		for _, r := range v.Servers {
			one.Servers = append(one.Servers, api.ServerState{
				RealServer: r.RealServer, Stats: stats(r.Stats),
				Active: uint32(r.Active), Inactive: uint32(r.Inactive), Persistent: uint32(r.Persistent),
			})
		}
		s.Services = append(s.Services, one)
	}
	return s, nil
}

func stats(s dataplane.Stats) api.Stats {
	return api.Stats{Conns: s.Conns, InPackets: s.InPkts, OutPackets: s.OutPkts, InBytes: s.InBytes, OutBytes: s.OutBytes}
}

func (e env) Connections(yield func(api.Connection) error) (err error) {
	e.director.Conns().Range(func(i *conntrack.Info) bool {
		if i.Deadline > e.now {
			err = yield(api.Connection{
				Protocol: service.Protocol(i.Proto), State: i.Name(), Expires: i.Deadline - e.now, Method: i.Method,
				Client: endpoint(i.Client, i.ClientPort), Virtual: endpoint(i.Virtual, i.VirtualPort), Real: endpoint(i.Real, i.RealPort),
			})
		}
		return err == nil
	})
	return err
}

func endpoint(a wire.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Netip(), port) }

func (e env) Timeouts() (*api.Timeouts, error) {
	tcp, fin, udp := e.director.Timeouts().Get()
	return &api.Timeouts{TCP: tcp, TCPFin: fin, UDP: udp}, nil
}

func (e env) SetTimeouts(t api.Timeouts) error {
	return e.director.Timeouts().Set(t.TCP, t.TCPFin, t.UDP)
}

// prepare does one command of a header.
func (b *bench) prepare(line string) error {
	words := strings.Fields(line)
	switch {
	case len(words) > 0 && (strings.HasPrefix(words[0], "iptables") || strings.HasPrefix(words[0], "ip6tables")):
		return b.mark(line)
	case len(words) > 0 && ipvsadm.IsFace(words[0]):
		if a := b.run(line); a.RC != 0 {
			return fmt.Errorf("%s: exit code %d, %s", line, a.RC, strings.TrimSpace(a.Stderr))
		}
		return nil
	}
	return fmt.Errorf("%s: only ipvsadm and iptables -j MARK are understood", line)
}

// run does an ipvsadm command or sets a sysctl.
func (b *bench) run(line string) Answer {
	words := strings.Fields(line)
	if words[0] == "sysctl" {
		return b.sysctl(words[len(words)-1])
	}
	var stdout, stderr bytes.Buffer
	rc := ipvsadm.Run(env{b}, words[0], words[1:], strings.NewReader(""), &stdout, &stderr)
	return Answer{rc, stdout.String(), stderr.String()}
}
