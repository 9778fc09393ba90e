package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"ulvs/service"
)

// TestSchema pins the names of version 1: scripts read them.
func TestSchema(t *testing.T) {
	vip, rip := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("203.0.113.1")
	for _, c := range []struct {
		value any
		want  string
	}{
		{State{Version: 1, Size: 2, Services: []ServiceState{{
			VirtualService: service.VirtualService{Key: service.Key{Protocol: service.TCP, Addr: vip, Port: 80}, Scheduler: "rr"},
			Servers:        []ServerState{{RealServer: service.RealServer{Addr: rip, Port: 80, Weight: 1}, Active: 3}},
		}}},
			`{"version":1,"size":2,"services":[{"protocol":"tcp","addr":"198.51.100.1","port":80,"scheduler":"rr",` +
				`"stats":{"conns":0,"inPackets":0,"outPackets":0,"inBytes":0,"outBytes":0},` +
				`"rates":{"conns":0,"inPackets":0,"outPackets":0,"inBytes":0,"outBytes":0},` +
				`"servers":[{"addr":"203.0.113.1","port":80,"method":"nat","weight":1,"active":3,"inactive":0,"persistent":0,` +
				`"stats":{"conns":0,"inPackets":0,"outPackets":0,"inBytes":0,"outBytes":0},` +
				`"rates":{"conns":0,"inPackets":0,"outPackets":0,"inBytes":0,"outBytes":0}}]}],` +
				`"stats":{"conns":0,"inPackets":0,"outPackets":0,"inBytes":0,"outBytes":0},` +
				`"rates":{"conns":0,"inPackets":0,"outPackets":0,"inBytes":0,"outBytes":0}}`},
		{Connection{Protocol: service.UDP, Client: netip.AddrPortFrom(vip, 1), Virtual: netip.AddrPortFrom(vip, 2),
			Real: netip.AddrPortFrom(rip, 3), State: "UDP", Expires: time.Second, Method: service.DR},
			`{"protocol":"udp","client":"198.51.100.1:1","virtual":"198.51.100.1:2","real":"203.0.113.1:3",` +
				`"state":"UDP","expires":1000000000,"method":"dr"}`},
		{Timeouts{TCP: 1, TCPFin: 2, UDP: 3}, `{"tcp":1,"tcpFin":2,"udp":3}`},
		{service.Change{Op: service.Flush}, `{"op":"flush"}`},
		{Batch{Changes: []service.Change{{Op: service.Flush}}}, `{"changes":[{"op":"flush"}]}`},
		{BatchResult{Errors: []*Error{nil, {Code: NoService}}}, `{"errors":[null,{"code":"no-service","message":""}]}`},
		{Error{Code: NoService, Message: "x"}, `{"code":"no-service","message":"x"}`},
	} {
		got, err := json.Marshal(c.value)
		if err != nil || string(got) != c.want {
			t.Errorf("%T: %v\n got %s\nwant %s", c.value, err, got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	wrapped := fmt.Errorf("add service: %w", service.ErrServiceExists)
	if e := From(wrapped); e.Code != ServiceExists || e.Error() != wrapped.Error() {
		t.Errorf("From gives %+v", e)
	}
	if e := From(nil); e != nil {
		t.Errorf("From(nil) gives %+v", e)
	}
	if c := CodeOf(errors.New("x")); c != Internal {
		t.Errorf("an unknown error has code %q", c)
	}
	e := fmt.Errorf("ask: %w", Errorf(Forbidden, "user %d", 7))
	if !errors.Is(e, &Error{Code: Forbidden}) || errors.Is(e, &Error{Code: Internal}) || CodeOf(e) != Forbidden {
		t.Errorf("code of %v is %q", e, CodeOf(e))
	}
	if text := (&Error{Code: Invalid}).Error(); text != "invalid" {
		t.Errorf("an error without message reads %q", text)
	}
}
