package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ulvs/dataplane/filter"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// TestFilterFallsBack: a socket that may not have the memory for an exact
// program gets a coarser one, and that is said for as long as it is so.
func TestFilterFallsBack(t *testing.T) {
	d, _ := newTestDaemon(t, Options{NoGuard: true})
	limit := 40
	var took []int
	d.ports.attach = func(n int) error {
		if n > limit {
			return unix.ENOMEM
		}
		took = append(took, n)
		return nil
	}
	add := service.Change{Op: service.AddService, Service: web}
	mustApply(t, d, add)
	if len(d.warnings) != 0 || len(took) != 1 {
		t.Fatalf("%v, took %v", d.warnings, took)
	}
	for i := range 20 {
		add.Service.Port = uint16(1000 + 7*i)
		mustApply(t, d, add)
	}
	if w := d.Info().Warnings; len(w) != 1 || !strings.Contains(w[0], "addresses") {
		t.Errorf("warnings %q", w)
	}
	limit = 1
	add.Service.Port, add.Service.Addr = 9, netip.MustParseAddr("198.51.100.9")
	told := len(d.told.services)
	if err := d.Apply(add); !errors.Is(err, unix.ENOMEM) || len(d.told.services) != told || !d.warnings.has(aboutFilter) {
		t.Errorf("%v, told %d, %v", err, len(d.told.services), d.warnings)
	}
	limit = 4096
	d.resync()
	if w := d.Info().Warnings; len(w) != 0 || len(d.told.services) != told+1 {
		t.Errorf("warnings %q, told %d", w, len(d.told.services))
	}
}

// TestOrder: a packet is never seen by nobody: the filter is opened before the
// guard is closed, and the guard opened before the filter is closed.
func TestOrder(t *testing.T) {
	k := &kernel{}
	d, _ := guarded(t, k)
	var guardedThen []int
	d.ports.attach = func(int) error {
		guardedThen = append(guardedThen, len(k.rules[len(k.rules)-1].Services))
		return nil
	}
	second := web
	second.Port = 81
	mustApply(t, d, service.Change{Op: service.AddService, Service: second}, service.Change{Op: service.DeleteService, Service: web})
	if got := fmt.Sprint(guardedThen); got != "[1 1]" {
		t.Errorf("when the filter was set the guard had %s services, want the one before and the one left", got)
	}
	if last := k.rules[len(k.rules)-1]; len(last.Services) != 1 || last.Services[0].Port != 81 || len(last.NATReals) != 0 {
		t.Errorf("guarded at the end: %+v", last)
	}
}

// TestDeletedServerWithConnections: its replies come in, and do not reach the
// host, until the last connection has ended.
func TestDeletedServerWithConnections(t *testing.T) {
	k := &kernel{}
	d, _ := guarded(t, k)
	real := endpointOf("203.0.113.1:8080")
	p := wiretest.TCP(wiretest.Flow{Src: "192.0.2.7:1000", Dst: "198.51.100.1:80"}, wire.SYN, nil)
	d.director.Handle(time.Hour, p)
	if d.director.Conns().Len() != 1 {
		t.Fatalf("%d connections", d.director.Conns().Len())
	}
	mustApply(t, d, service.Change{Op: service.DeleteServer, Service: web, Server: server})
	d.resync()
	if got := d.told.reals; len(got) != 1 || got[0] != real || len(k.rules[len(k.rules)-1].NATReals) != 1 {
		t.Errorf("filter knows %v", got)
	}
	other := web
	other.Port = 81
	mustApply(t, d, service.Change{Op: service.DeleteService, Service: web})
	if got := d.told.reals; len(got) != 0 {
		t.Errorf("without services the filter knows %v", got)
	}
	mustApply(t, d, service.Change{Op: service.AddService, Service: other})
	if got := d.told.reals; len(got) != 1 {
		t.Errorf("with another service the filter knows %v", got)
	}
	l := d.director.Lane(0)
	for i := range 3 {
		l.Begin(2*time.Hour + time.Duration(i)*time.Hour)
		l.Tick()
		l.Sent()
		l.End()
	}
	d.resync()
	if got := d.told.reals; len(got) != 0 || len(k.rules[len(k.rules)-1].NATReals) != 0 {
		t.Errorf("filter still knows %v", got)
	}
}

func TestCommon(t *testing.T) {
	a, b, c := endpointOf("192.0.2.1:1"), endpointOf("192.0.2.2:1"), endpointOf("192.0.2.3:1")
	if got := fmt.Sprint(common([]filter.Endpoint{a, b, c}, []filter.Endpoint{c, a})); got != fmt.Sprint([]filter.Endpoint{a, c}) {
		t.Error(got)
	}
}
