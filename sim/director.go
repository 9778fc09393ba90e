package sim

import (
	"ulvs/sched"
)

// director is one balancer: a scheduler and its own live counts of the servers.
type director struct {
	sched  sched.Scheduler
	upkeep sched.Upkeep // nil: it has nothing to tidy up
	list   []*sched.Server
	views  []*sched.Server // by server
}

// newDirector returns one that knows all servers of which member is true.
func newDirector(name string, flags []string, seed uint64, servers []server) (*director, error) {
	sc, err := sched.New(name, sched.Config{Flags: flags, Seed: seed})
	if err != nil {
		return nil, err
	}
	d := &director{sched: sc}
	d.upkeep, _ = sc.(sched.Upkeep)
	for i := range servers {
		v := sched.NewServer(address(netServers, uint64(i+1)), 80, servers[i].weight)
		v.ID = uint32(i)
		d.views = append(d.views, v)
		if servers[i].member {
			d.list = sched.Insert(d.list, v)
		}
	}
	sc.Init(d.list)
	return d, nil
}

// join puts a server into the service.
func (d *director) join(i int) {
	d.views[i].SetDeleted(false)
	d.list = sched.Insert(d.list, d.views[i])
	d.sched.Added(d.list, d.views[i])
}

// leave takes it out; its connections stay.
func (d *director) leave(i int) {
	list, at := sched.Remove(d.list, d.views[i])
	if at >= 0 {
		d.list = list
		d.sched.Removed(list, d.views[i], at)
		d.views[i].SetDeleted(true)
	}
}

// weigh sets a weight.
func (d *director) weigh(i int, weight int32) {
	d.views[i].SetWeight(weight)
	d.sched.Edited(d.list, d.views[i])
}

// knowledge is what Directors.Counts says.
type knowledge uint8

const (
	countsShared knowledge = iota
	countsSeparate
	countsStale
)

// The accounting of a connection, as the Director of package dataplane does it:
// active from its first packet, inactive from its FIN, gone at its timeout.

func (e *engine) bind(director, server int32) {
	switch e.knows {
	case countsSeparate:
		e.directors[director].views[server].BindActive()
	case countsShared:
		for _, d := range e.directors {
			d.views[server].BindActive()
		}
	default:
		e.servers[server].active++
	}
}

func (e *engine) deactivate(director, server int32) {
	switch e.knows {
	case countsSeparate:
		e.directors[director].views[server].Deactivate()
	case countsShared:
		for _, d := range e.directors {
			d.views[server].Deactivate()
		}
	default:
		e.servers[server].active--
		e.servers[server].inactive++
	}
}

func (e *engine) unbind(director, server int32, active bool) {
	switch {
	case e.knows == countsSeparate:
		e.directors[director].views[server].Unbind(active)
	case e.knows == countsShared:
		for _, d := range e.directors {
			d.views[server].Unbind(active)
		}
	case active:
		e.servers[server].active--
	default:
		e.servers[server].inactive--
	}
}

// refresh tells stale directors how things stand.
func (e *engine) refresh() {
	for i := range e.servers {
		for _, d := range e.directors {
			d.views[i].SetCounts(e.servers[i].active, e.servers[i].inactive)
		}
	}
}
