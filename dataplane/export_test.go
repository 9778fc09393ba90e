package dataplane

import (
	"ulvs/sched"
	"ulvs/service"
)

// SetScheduler replaces the scheduler of a service, so that a test can put a
// faulty one in.
func (d *Director) SetScheduler(k service.Key, s sched.Scheduler) {
	d.mu.Lock()
	defer d.mu.Unlock()
	svc := d.services[k]
	svc.change(func() {
		s.Init(svc.list)
		svc.sched = s
	})
}

// Indexes returns how many server indexes have been given out and how many of
// them are in the trash.
func (d *Director) Indexes() (all, trash int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.all), len(d.trash)
}

// Changing runs f as if a change of the configuration were under way.
func (d *Director) Changing(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

// Together is together.
var Together = together

// Tunables returns the settings that schedulers look at.
func (d *Director) Tunables() *sched.Tunables { return d.tunables }

// ParseAll makes the lane take no packet the shortest way.
func (l *Lane) ParseAll() { l.parseAll = true }
