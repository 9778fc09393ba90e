package daemon

import (
	"net/netip"
	"os"
	"slices"

	"ulvs/conntrack"
	"ulvs/control/api"
	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/sysctl"
	"ulvs/wire"
)

// The methods in this file make Daemon a control.Backend.

// Apply makes one change of the configuration. When it returns, packet filter
// and guard know of it too: a client that sees the command end may send.
func (d *Daemon) Apply(c service.Change) error {
	if c.Op == service.SetMarks {
		return d.SetMarks(api.SetMarks{Rules: c.Marks})
	}
	return d.apply(c)
}

// Marks returns the rules that give packets firewall marks.
func (d *Daemon) Marks() []service.MarkRule { return d.director.Table().Marks() }

// SetMarks replaces these rules, if they are still as the client has seen them.
func (d *Daemon) SetMarks(m api.SetMarks) error {
	d.marking.Lock()
	defer d.marking.Unlock()
	if m.Was != nil && !slices.Equal(*m.Was, d.Marks()) {
		return api.Errorf(api.Conflict, "somebody else has changed the mark rules meanwhile: look again")
	}
	return d.apply(service.Change{Op: service.SetMarks, Marks: m.Rules})
}

// apply makes one change, wholly or not at all.
func (d *Daemon) apply(c service.Change) error {
	if err := unsupported(c); err != nil {
		return err
	}
	if err := d.director.Apply(c); err != nil {
		return err
	}
	return d.syncChanged()
}

// ApplyAll makes changes one after the other. Filter and guard are told once,
// in the end: a thousand rules are some milliseconds' work for the Director and
// a second's for the kernel, if it is told of each.
func (d *Daemon) ApplyAll(changes []service.Change) []error {
	errs := make([]error, len(changes))
	var known []service.Change
	var at []int
	for i, c := range changes {
		if errs[i] = unsupported(c); errs[i] == nil {
			known, at = append(known, c), append(at, i)
		}
	}
	for i, err := range d.director.ApplyAll(known) {
		errs[at[i]] = err
	}
	if err := d.syncChanged(); err != nil {
		for i := range errs {
			if errs[i] == nil {
				errs[i] = err
			}
		}
	}
	return errs
}

// State returns the configuration with all counters.
func (d *Daemon) State() api.State {
	views, total, _ := d.director.Inspect()
	s := api.State{Version: api.Version, Size: api.DefaultSize, Stats: stats(total), Rates: d.rates.ofAll()}
	for i := range views {
		s.Services = append(s.Services, d.serviceState(&views[i]))
	}
	return s
}

func (d *Daemon) serviceState(v *dataplane.ServiceView) api.ServiceState {
	s := api.ServiceState{VirtualService: v.VirtualService, Stats: stats(v.Stats), Rates: d.rates.of(v.Instance)}
	for i := range v.Servers {
		r := &v.Servers[i]
		s.Servers = append(s.Servers, api.ServerState{
			RealServer: r.RealServer,
			Active:     uint32(max(r.Active, 0)),
			Inactive:   uint32(max(r.Inactive, 0)),
			Persistent: uint32(max(r.Persistent, 0)),
			Stats:      stats(r.Stats),
			Rates:      d.rates.of(r.Instance),
		})
	}
	return s
}

func stats(s dataplane.Stats) api.Stats {
	return api.Stats{Conns: s.Conns, InPackets: s.InPkts, OutPackets: s.OutPkts, InBytes: s.InBytes, OutBytes: s.OutBytes}
}

// Connections lists the connection table.
func (d *Daemon) Connections(yield func(api.Connection) bool) {
	now := d.clock()
	d.director.Conns().Range(func(i *conntrack.Info) bool {
		return yield(api.Connection{
			Protocol: service.Protocol(i.Proto),
			Client:   endpoint(i.Client, i.ClientPort),
			Virtual:  endpoint(i.Virtual, i.VirtualPort),
			Real:     endpoint(i.Real, i.RealPort),
			State:    i.Name(),
			Expires:  max(i.Deadline-now, 0),
			Method:   i.Method,
			Template: i.Flags&conntrack.Template != 0,
			Packets:  uint64(i.Packets),
		})
	})
}

func endpoint(a wire.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Netip(), port) }

// Timeouts returns the timeouts that ipvsadm --set changes.
func (d *Daemon) Timeouts() api.Timeouts {
	tcp, fin, udp := d.director.Timeouts().Get()
	return api.Timeouts{TCP: tcp, TCPFin: fin, UDP: udp}
}

// SetTimeouts changes those that are not 0.
func (d *Daemon) SetTimeouts(t api.Timeouts) error {
	return d.director.Timeouts().Set(t.TCP, t.TCPFin, t.UDP)
}

// Settings returns the settings in force.
func (d *Daemon) Settings() sysctl.Settings { return d.director.Settings() }

// SetSettings makes all assignments or none.
func (d *Daemon) SetSettings(all []sysctl.Assignment) error {
	d.setting.Lock()
	defer d.setting.Unlock()
	next, err := d.director.Settings().SetAll(all)
	if err != nil {
		return err
	}
	d.director.SetSettings(next)
	return nil
}

// Zero resets counters.
func (d *Daemon) Zero(key *service.Key) error { return d.director.Zero(key) }

// Info describes the daemon.
func (d *Daemon) Info() api.Info {
	d.mu.Lock()
	defer d.mu.Unlock()
	return api.Info{
		Version: api.Version, Build: d.opts.Build, PID: os.Getpid(), Uptime: d.clock(),
		Socket: d.opts.Socket, Interfaces: d.ports.names(), Sending: d.ports.sendingBy(), Workers: d.opts.Workers,
		Capacity: d.opts.Capacity, Connections: d.director.Conns().Len(),
		MemoryBytes: uint64(d.director.Conns().Bytes()), Warnings: d.warnings.texts(),
		Traces: d.tracing.count(),
	}
}
