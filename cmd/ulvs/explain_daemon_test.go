package main

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ulvs/control"
	"ulvs/control/api"
	"ulvs/service"
	"ulvs/sysctl"
)

// lookedAt is a daemon that can be looked at; what would change it is not there.
type lookedAt struct{ control.Backend }

func (lookedAt) State() api.State {
	rs := func(a string, active uint32) api.ServerState {
		return api.ServerState{RealServer: service.RealServer{Addr: netip.MustParseAddr(a), Port: 80, Method: service.DR, Weight: 1}, Active: active}
	}
	v := api.ServiceState{
		VirtualService: service.VirtualService{Key: service.Key{Protocol: service.TCP, Addr: netip.MustParseAddr("198.51.100.1"), Port: 80}, Scheduler: "wlc"},
		Servers:        []api.ServerState{rs("203.0.113.2", 9), rs("203.0.113.1", 4)},
	}
	return api.State{Version: api.Version, Services: []api.ServiceState{v}}
}

func (lookedAt) Timeouts() api.Timeouts    { return api.DefaultTimeouts }
func (lookedAt) Settings() sysctl.Settings { return sysctl.Defaults() }
func (lookedAt) Marks() []service.MarkRule { return nil }

func (lookedAt) Connections(yield func(api.Connection) bool) {
	yield(api.Connection{
		Protocol: service.TCP, Client: netip.MustParseAddrPort("192.0.2.7:40000"), Virtual: netip.MustParseAddrPort("198.51.100.1:80"),
		Real: netip.MustParseAddrPort("203.0.113.2:80"), State: "ESTABLISHED", Expires: time.Minute, Method: service.DR,
	})
}

// TestExplainDaemon: without --rules the daemon's services, counts and
// connections are taken, and it is only read.
func TestExplainDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- control.Serve(ctx, l, lookedAt{}) }()
	code, stdout, stderr := typed(t, "ulvs", "explain", "--socket", path, "tcp 192.0.2.7:40000 > 198.51.100.1:80 ACK", "tcp 192.0.2.8:1 > 198.51.100.1:80")
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		"connection  of client 192.0.2.7:40000 to the virtual end 198.51.100.1:80: hit\nstate       tcp ESTABLISHED -> ESTABLISHED;",
		"203.0.113.2:80        1        9        0   (256*9+0)/1 = 2304.000\n",
		"203.0.113.1:80        1        4        0   (256*4+0)/1 = 1024.000   <- chosen: least of all",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not printed", want)
		}
	}
	if code != exitOK || t.Failed() {
		t.Errorf("code %d, %s\n%s", code, stderr, stdout)
	}
}
