package explain

import (
	"fmt"
	"slices"

	"ulvs/conntrack"
	"ulvs/control/api"
	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
)

// DaemonState is what a daemon says of itself: all that an Engine can know of it.
// Where a scheduler's pointer stands, or what lblc remembers, it does not say.
type DaemonState struct {
	State       *api.State
	Timeouts    *api.Timeouts
	Settings    api.Settings
	Marks       []service.MarkRule
	Connections []api.Connection
}

// LoadState puts a daemon's state in: services, servers with their counts,
// connections, mark rules, timeouts and settings.
func (e *Engine) LoadState(s *DaemonState) error {
	for _, v := range slices.Backward(s.State.Services) {
		if err := e.loadService(&v); err != nil {
			return fmt.Errorf("take over the daemon's state: %w", err)
		}
	}
	if len(s.Marks) > 0 {
		if err := e.Apply(service.Change{Op: service.SetMarks, Marks: s.Marks}); err != nil {
			return fmt.Errorf("take over the daemon's mark rules: %w", err)
		}
	}
	if t := s.Timeouts; t != nil {
		if err := e.d.Timeouts().Set(t.TCP, t.TCPFin, t.UDP); err != nil {
			return fmt.Errorf("take over the daemon's timeouts: %w", err)
		}
	}
	if err := e.loadSettings(s.Settings); err != nil {
		return fmt.Errorf("take over the daemon's settings: %w", err)
	}
	e.settle()
	for _, c := range s.Connections {
		e.loadConnection(&c)
	}
	for _, v := range s.State.Services {
		for _, r := range v.Servers {
			e.d.Preset(v.Key, r.Endpoint(), int32(r.Active), int32(r.Inactive))
		}
	}
	return nil
}

// loadService adds a service and its servers, which are listed newest first.
func (e *Engine) loadService(v *api.ServiceState) error {
	if err := e.Apply(service.Change{Op: service.AddService, Service: v.VirtualService}); err != nil {
		return err
	}
	for _, r := range slices.Backward(v.Servers) {
		if err := e.Apply(service.Change{Op: service.AddServer, Service: v.VirtualService, Server: r.RealServer}); err != nil {
			return err
		}
	}
	return nil
}

// loadSettings assigns what differs from the defaults. drop_packet is left out:
// a packet that is explained shall not be dropped by lot.
func (e *Engine) loadSettings(all api.Settings) error {
	set := e.d.Settings()
	for _, one := range all {
		if one.Name == "drop_packet" || one.Name == "drop_entry" || one.Value == one.Default {
			continue
		}
		next, err := set.Set(one.Name, one.Value)
		if err != nil {
			return err
		}
		set = next
	}
	e.d.SetSettings(set)
	return nil
}

// loadConnection adds a connection or template. One whose server is gone is left
// out.
func (e *Engine) loadConnection(c *api.Connection) {
	a := dataplane.Adopted{
		Key: conntrack.Key{
			Client: wire.AddrFrom(c.Client.Addr()), ClientPort: c.Client.Port(),
			Virtual: wire.AddrFrom(c.Virtual.Addr()), VirtualPort: c.Virtual.Port(), Proto: uint8(c.Protocol),
		},
		Real: c.Real, Method: c.Method, Template: c.Template, Now: e.now, Timeout: c.Expires,
	}
	for s := range conntrack.State(mostStates) {
		if conntrack.StateName(a.Key.Proto, s) == c.State {
			a.State = s
			break
		}
	}
	e.d.Adopt(&a)
}

// mostStates is more than any protocol has.
const mostStates = 32
