package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"ulvs/internal/guard"
	"ulvs/internal/netmon"
	"ulvs/service"
)

// kernel is nftables as a test wants it.
type kernel struct {
	opened      int
	gone        bool
	failure     error // of Sync and SetInterfaces
	openFailure error
	rules       []guard.Rules // by Sync
	hooks       []string
	closed      bool
}

func (k *kernel) make() (kernelGuard, error) {
	if k.openFailure != nil {
		return nil, k.openFailure
	}
	k.opened++
	k.gone, k.hooks, k.rules = false, nil, nil
	return k, nil
}

func (k *kernel) Present() (bool, error) { return !k.gone, nil }

func (k *kernel) SetInterfaces(names []string) error {
	if k.gone {
		return fs.ErrNotExist
	}
	if k.failure == nil {
		k.hooks = slices.Clone(names)
	}
	return k.failure
}

func (k *kernel) Sync(r guard.Rules) error {
	if k.gone {
		return fs.ErrNotExist
	}
	if k.failure == nil {
		k.rules = append(k.rules, r)
	}
	return k.failure
}

func (k *kernel) Close() error { k.closed = true; return nil }

// guarded is a daemon with a service and a guard of that kernel on eth0.
func guarded(t *testing.T, k *kernel) (*Daemon, *logbook) {
	t.Helper()
	d, log := newTestDaemon(t, Options{})
	d.guard.make = k.make
	d.guard.follow(d, []netmon.Link{{Index: 1, Name: "eth0"}})
	d.guard.open(d)
	mustApply(t, d, service.Change{Op: service.AddService, Service: web}, service.Change{Op: service.AddServer, Service: web, Server: server})
	return d, log
}

// later lets the manager look after the guard again.
func later(d *Daemon) {
	d.guard.due = 0
	d.guard.upkeep(d)
}

// inPlace checks that the kernel guards the service on eth0.
func (k *kernel) inPlace(t *testing.T, d *Daemon) {
	t.Helper()
	last := guard.Rules{}
	if len(k.rules) > 0 {
		last = k.rules[len(k.rules)-1]
	}
	if len(last.Services) != 1 || len(last.NATReals) != 1 || fmt.Sprint(k.hooks) != "[eth0]" {
		t.Errorf("guarded is %+v on %v", last, k.hooks)
	}
	if w := d.Info().Warnings; len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
}

func TestLostGuardIsRestored(t *testing.T) {
	k := &kernel{}
	d, log := guarded(t, k)
	k.inPlace(t, d)
	k.gone = true
	later(d)
	k.inPlace(t, d)
	later(d)
	if k.opened != 2 || log.count("removed the guard") != 1 {
		t.Errorf("opened %d times, log %s", k.opened, log.text.String())
	}
}

func TestRefusedGuardIsTriedAgain(t *testing.T) {
	k := &kernel{}
	d, log := guarded(t, k)
	k.gone, k.openFailure = true, errors.New("busy")
	for range 5 {
		later(d)
	}
	if w := d.Info().Warnings; len(w) != 1 || !strings.HasPrefix(w[0], "no guard: busy") || log.count("no guard: busy") != 1 {
		t.Errorf("warnings %q, logged %d times", w, log.count("no guard: busy"))
	}
	k.openFailure, k.failure = nil, errors.New("no memory")
	for range 5 {
		later(d)
	}
	if w := d.Info().Warnings; len(w) != 2 || log.count("no memory") != 2 { // hooks and sets
		t.Errorf("warnings %q, logged %d times", w, log.count("no memory"))
	}
	k.failure = nil
	later(d)
	k.inPlace(t, d)
}

func TestImpossibleGuardIsNotTriedAgain(t *testing.T) {
	k := &kernel{openFailure: guard.ErrNotPermitted}
	d, _ := guarded(t, k)
	k.openFailure = nil
	later(d)
	if w := d.Info().Warnings; k.opened != 0 || len(w) != 1 {
		t.Errorf("opened %d times, warnings %q", k.opened, w)
	}
}

// TestClosedGuard: what comes late changes nothing.
func TestClosedGuard(t *testing.T) {
	k := &kernel{}
	d, _ := guarded(t, k)
	if err := d.guard.close(); err != nil || !k.closed {
		t.Fatal(err)
	}
	before := len(k.rules)
	d.guard.follow(d, nil)
	later(d)
	mustApply(t, d, service.Change{Op: service.Flush})
	if len(k.rules) != before || k.opened != 1 || len(k.hooks) != 1 || d.guard.close() != nil {
		t.Errorf("%d rules, opened %d times, hooks %v", len(k.rules), k.opened, k.hooks)
	}
}
