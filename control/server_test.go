package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ulvs/control/api"
	"ulvs/sched"
	"ulvs/service"
)

// equateAddrs compares netip values, which hold pointers.
var equateAddrs = cmpopts.EquateComparable(webServer.Addr, webServer.Endpoint())

func TestChangesAndState(t *testing.T) {
	b := newFakeBackend()
	c := client(t, b)
	ctx := context.Background()
	for _, change := range []service.Change{
		{Op: service.AddService, Service: web},
		{Op: service.AddServer, Service: service.VirtualService{Key: web.Key}, Server: webServer},
	} {
		if err := c.Apply(ctx, change); err != nil {
			t.Fatalf("%v: %v", change, err)
		}
	}
	got, err := c.State(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := b.State()
	if d := cmp.Diff(&want, got, equateAddrs); d != "" {
		t.Errorf("state over the socket differs (-want +got):\n%s", d)
	}
	if err := c.Apply(ctx, service.Change{Op: service.Flush}); err != nil {
		t.Fatal(err)
	}
	if got, err := c.State(ctx); err != nil || len(got.Services) != 0 {
		t.Errorf("after flush: %v, %v", got, err)
	}
}

func TestErrorCodesCross(t *testing.T) {
	c := client(t, newFakeBackend())
	ctx := context.Background()
	noPort := web
	noPort.Port, noPort.Persistent = 0, 0
	overThreshold := webServer
	overThreshold.Lower = 99
	for _, x := range []struct {
		change service.Change
		want   api.Code
	}{
		{service.Change{Op: service.DeleteService, Service: web}, api.NoService},
		{service.Change{Op: service.AddService, Service: noPort}, api.Invalid},
		{service.Change{Op: service.AddService, Service: web}, ""},
		{service.Change{Op: service.AddService, Service: web}, api.ServiceExists},
		{service.Change{Op: service.DeleteServer, Service: web, Server: webServer}, api.NoServer},
		{service.Change{Op: service.AddServer, Service: web, Server: overThreshold}, api.OutOfRange},
		{service.Change{Op: service.AddServer, Service: web, Server: webServer}, ""},
		{service.Change{Op: service.AddServer, Service: web, Server: webServer}, api.ServerExists},
		{service.Change{Op: "explode"}, api.Invalid},
	} {
		if got := api.CodeOf(c.Apply(ctx, x.change)); got != x.want {
			t.Errorf("%v: code %q, want %q", x.change, got, x.want)
		}
	}
	if got := api.CodeOf(errors.Join(errors.New("x"), sched.ErrUnknown)); got != api.NoScheduler {
		t.Errorf("unknown scheduler has code %q", got)
	}
}

func TestTheOtherRoutes(t *testing.T) {
	b := newFakeBackend()
	c := client(t, b)
	ctx := context.Background()
	want := api.Timeouts{TCP: 5, TCPFin: 6, UDP: 7}
	if err := c.SetTimeouts(ctx, want); err != nil {
		t.Error(err)
	}
	if got, err := c.Timeouts(ctx); err != nil || *got != want {
		t.Errorf("timeouts %v, %v", got, err)
	}
	if err := errors.Join(c.Zero(ctx, nil), c.Zero(ctx, &web.Key)); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]*service.Key{nil, &web.Key}, b.zeroed, equateAddrs); d != "" {
		t.Errorf("zeroed (-want +got):\n%s", d)
	}
	if got, err := c.Info(ctx); err != nil || got.PID != 7 {
		t.Errorf("info %v, %v", got, err)
	}
	if got, err := c.Reasons(ctx); err != nil || got["forwarded-dr"] != 1<<60 {
		t.Errorf("reasons %v, %v", got, err)
	}
}

func TestConnectionsStream(t *testing.T) {
	b := newFakeBackend()
	b.conns = 5000
	c := client(t, b)
	n := 0
	err := c.Connections(context.Background(), func(conn api.Connection) error {
		if int(conn.Client.Port()) != n || conn.Method != service.DR {
			t.Fatalf("connection %d is %+v", n, conn)
		}
		n++
		return nil
	})
	if err != nil || n != b.conns {
		t.Errorf("%d connections, %v", n, err)
	}
	stop := errors.New("stop")
	if err := c.Connections(context.Background(), func(api.Connection) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error of the reader became %v", err)
	}
}

func TestBadRequests(t *testing.T) {
	path := serve(t, newFakeBackend())
	for _, x := range []struct {
		method, route, body string
		status              int
	}{
		{"POST", "/v1/changes", `{"op":"flush"}`, 200},
		{"POST", "/v1/changes", `{"op":"flush"`, 400},
		{"POST", "/v1/changes", `{"op":"flush"}{"op":"flush"}`, 400},
		{"POST", "/v1/changes", `{"op":"flush","hurry":true}`, 400},
		{"POST", "/v1/changes", `{"op":"add-service","service":{"protocol":"tcp","addr":"300.1.1.1"}}`, 400},
		{"POST", "/v1/changes", strings.Repeat(" ", maxRequestBytes) + `{"op":"flush"}`, 400},
		{"POST", "/v1/state", ``, 400},
		{"GET", "/v2/state", ``, 400},
		{"GET", "/", ``, 400},
	} {
		status, e := raw(t, path, x.method, x.route, x.body)
		if status != x.status || status != 200 && e.Code != api.BadRequest {
			t.Errorf("%s %s %.60s: status %d, %+v; want %d", x.method, x.route, x.body, status, e, x.status)
		}
	}
}

// raw sends one request without the Client.
func raw(t *testing.T, path, method, route, body string) (int, api.Error) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequest(method, "http://ulvs"+route, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e api.Error
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&e); err != nil {
		t.Fatalf("%s %s: answer %q: %v", method, route, text, err)
	}
	return res.StatusCode, e
}

// TestNotOverTCP: a request whose peer the kernel does not vouch for is
// forbidden, whatever it comes in by.
func TestNotOverTCP(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(newFakeBackend()).ServeHTTP(w, httptest.NewRequest("GET", "/v1/info", nil))
	if w.Code != http.StatusForbidden {
		t.Errorf("status %d, want %d", w.Code, http.StatusForbidden)
	}
}

func TestServeEndsOfItself(t *testing.T) {
	l, err := Listen(t.TempDir() + "/d.sock")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := Serve(context.Background(), l, newFakeBackend()); err == nil {
		t.Error("serving a closed socket succeeds")
	}
}
