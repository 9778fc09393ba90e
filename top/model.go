package top

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"ulvs/control/api"
	"ulvs/service"
)

// Table is what two looks say together.
type Table struct {
	Info     *api.Info
	Took     time.Duration // between the looks; 0 if there was only one
	Services []Service     // in the order of the daemon
	Total    Rates
	Reasons  []Reason // the busiest first
}

// Service is a virtual service and its real servers, in the order of the daemon.
type Service struct {
	Row
	Servers []Row
}

// Row is a service or a server as one line shows it.
type Row struct {
	Server  bool
	ID      string // tells it from all others
	Name    string // "tcp 198.51.100.1:80"; of a server "192.0.2.11:80"
	How     string // scheduler with what modifies it; of a server its method
	Weight  int    // of a service the sum of those of usable servers
	Active  uint64 // connections; of a service the sum of its servers'
	Inact   uint64
	Persist uint64 // templates
	Total   api.Stats
	Rates
	// Share is the part of the service's new connections that came here between
	// the looks, Promised the part that weights and scheduler let expect, both
	// up to 1. NaN: there were none, or nothing is promised. Of a service both
	// are NaN.
	Share, Promised float64
	Note            string // why a server gets nothing new: "drained", "full"
}

// Rates are per second between two looks; all are NaN if that cannot be told.
type Rates struct {
	New                                     uint64 // connections between the looks
	Conns, InPkts, OutPkts, InByte, OutByte float64
}

// Notes of a Row: weight 0, and over the upper threshold.
const (
	drained = "drained"
	full    = "full"
)

// noRates are those of a single look.
func noRates() Rates {
	nan := math.NaN()
	return Rates{0, nan, nan, nan, nan, nan}
}

// Between computes the table of now with the rates since before, which may be
// nil. Looks at two daemons, one after the other, are no pair.
func Between(before, now *Look) *Table {
	t := &Table{Info: now.Info, Total: noRates()}
	if before != nil && (before.Info.PID != now.Info.PID || before.Info.Uptime > now.Info.Uptime || before.At >= now.At) {
		before = nil
	}
	was := map[string]api.Stats{}
	var reasonsWere api.Reasons
	if before != nil {
		t.Took = now.At - before.At
		t.Total = ratesOf(before.State.Stats, now.State.Stats, t.Took)
		reasonsWere = before.Reasons
		remember(was, before.State)
	}
	t.Reasons = Reasons(reasonsWere, now.Reasons, t.Took, false)
	for i := range now.State.Services {
		t.Services = append(t.Services, serviceOf(&now.State.Services[i], was, t.Took))
	}
	return t
}

// remember notes the counters of all services and servers by their ID.
func remember(was map[string]api.Stats, s *api.State) {
	for i := range s.Services {
		v := &s.Services[i]
		was[serviceID(v.Key)] = v.Stats
		for j := range v.Servers {
			was[serverID(v.Key, &v.Servers[j])] = v.Servers[j].Stats
		}
	}
}

func serviceID(k service.Key) string { return k.String() }

func serverID(k service.Key, s *api.ServerState) string {
	return k.String() + " " + s.Endpoint().String()
}

// serviceOf makes the rows of a service. What was not there at the first look
// began with counters at 0.
func serviceOf(s *api.ServiceState, was map[string]api.Stats, took time.Duration) Service {
	v := Service{Row: Row{
		ID: serviceID(s.Key), Name: serviceName(s.Key), How: Clean(howOf(&s.VirtualService)), Total: s.Stats,
		Rates: ratesOf(was[serviceID(s.Key)], s.Stats, took), Share: math.NaN(), Promised: math.NaN(),
	}}
	sum := uint64(0)
	for i := range s.Servers {
		r := serverOf(s.Key, &s.Servers[i], was, took)
		if r.Note == "" {
			v.Weight += r.Weight
		}
		v.Active, v.Inact, v.Persist = v.Active+r.Active, v.Inact+r.Inact, v.Persist+r.Persist
		sum += r.New
		v.Servers = append(v.Servers, r)
	}
	for i, p := range promised(s.Scheduler, s.Servers) {
		r := &v.Servers[i]
		r.Promised, r.Share = p, math.NaN()
		if sum > 0 {
			r.Share = float64(r.New) / float64(sum)
		}
	}
	return v
}

func serverOf(k service.Key, s *api.ServerState, was map[string]api.Stats, took time.Duration) Row {
	id := serverID(k, s)
	r := Row{
		Server: true, ID: id, Name: Clean(endpoint(s.Addr, s.Port)), How: s.Method.String(), Weight: s.Weight,
		Active: uint64(s.Active), Inact: uint64(s.Inactive), Persist: uint64(s.Persistent),
		Total: s.Stats, Rates: ratesOf(was[id], s.Stats, took),
	}
	switch {
	case s.Weight == 0:
		r.Note = drained
	case !usable(s):
		r.Note = full
	}
	return r
}

// ratesOf are unknown if counters have gone down: they were set to zero.
func ratesOf(was, now api.Stats, took time.Duration) Rates {
	if took <= 0 || now.Conns < was.Conns || now.InPackets < was.InPackets || now.OutPackets < was.OutPackets ||
		now.InBytes < was.InBytes || now.OutBytes < was.OutBytes {
		return noRates()
	}
	per := func(was, now uint64) float64 { return float64(now-was) / took.Seconds() }
	return Rates{
		New: now.Conns - was.Conns, Conns: per(was.Conns, now.Conns),
		InPkts: per(was.InPackets, now.InPackets), OutPkts: per(was.OutPackets, now.OutPackets),
		InByte: per(was.InBytes, now.InBytes), OutByte: per(was.OutBytes, now.OutBytes),
	}
}

// serviceName is "tcp 198.51.100.1:80", "mark 7" or "mark 7 IPv6".
func serviceName(k service.Key) string {
	if k.Mark == 0 {
		return Clean(strings.ToLower(k.Protocol.String()) + " " + endpoint(k.Addr, k.Port))
	}
	name := "mark " + strconv.FormatUint(uint64(k.Mark), 10)
	if k.IPv6 {
		name += " IPv6"
	}
	return name
}

// endpoint leaves out port 0: all ports, or that of the client's choice.
func endpoint(a netip.Addr, port uint16) string {
	if port == 0 {
		return a.String()
	}
	return netip.AddrPortFrom(a, port).String()
}

// howOf is the scheduler, with what else decides where a connection goes.
func howOf(v *service.VirtualService) string {
	how := v.Scheduler
	if v.Persistent > 0 {
		how += " persistent " + v.Persistent.String()
	}
	if v.OnePacket {
		how += " one-packet"
	}
	return how
}
