package daemon

import (
	"testing"

	"ulvs/control/api"
	"ulvs/service"
)

// TestApplyAll: each change has its own answer, those after a failure are made,
// and filter and guard know of all of them.
func TestApplyAll(t *testing.T) {
	d, _ := newTestDaemon(t, Options{})
	sip := web
	sip.PE = "sip"
	sip.Port = 5060
	errs := d.ApplyAll([]service.Change{
		{Op: service.AddService, Service: web},
		{Op: service.AddService, Service: web},
		{Op: service.AddService, Service: sip},
		{Op: service.AddServer, Service: web, Server: server},
	})
	for i, want := range []api.Code{"", api.ServiceExists, api.Unsupported, ""} {
		if api.CodeOf(errs[i]) != want {
			t.Errorf("change %d: %v, want %q", i, errs[i], want)
		}
	}
	if len(d.told.services) != 1 || len(d.told.reals) != 1 || d.told.reals[0] != endpointOf("203.0.113.1:8080") {
		t.Errorf("told of %v and %v", d.told.services, d.told.reals)
	}
}
