package control

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"ulvs/control/api"
	"ulvs/service"
)

// rules adds n real servers to web and then one of them again.
func rules(n int) (changes []service.Change) {
	changes = append(changes, service.Change{Op: service.AddService, Service: web})
	r := webServer
	for i := range n {
		r.Port = uint16(1000 + i)
		changes = append(changes, service.Change{Op: service.AddServer, Service: web, Server: r})
	}
	return append(changes, service.Change{Op: service.AddServer, Service: web, Server: r})
}

// TestApplyAll: each change has its own answer, in as few requests as allowed.
func TestApplyAll(t *testing.T) {
	b := newFakeBackend()
	c := client(t, b)
	changes := rules(api.MaxBatch)
	errs := c.ApplyAll(context.Background(), changes)
	for i, err := range errs {
		want := api.Code("")
		if i == len(changes)-1 {
			want = api.ServerExists
		}
		if api.CodeOf(err) != want {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if len(errs) != len(changes) || !slices.Equal(b.batches, []int{api.MaxBatch, 2}) {
		t.Errorf("%d answers to %d changes, in batches of %v", len(errs), len(changes), b.batches)
	}
}

// TestApplyAllUnreachable: nobody answers for any of them.
func TestApplyAllUnreachable(t *testing.T) {
	c := NewClient(t.TempDir() + "/none.sock")
	errs := c.ApplyAll(context.Background(), rules(3))
	if len(errs) != 5 || api.CodeOf(errs[0]) != api.Unreachable || api.CodeOf(errs[4]) != api.Unreachable {
		t.Errorf("%v", errs)
	}
}

func TestBadBatches(t *testing.T) {
	path := serve(t, newFakeBackend())
	long, err := json.Marshal(api.Batch{Changes: make([]service.Change, api.MaxBatch+1)})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"", "[]", `{"changes":[{"op":"flush","hurry":true}]}`, string(long), strings.Repeat(" ", maxRequestBytes) + "{}"} {
		if status, e := raw(t, path, "POST", "/v1/batch", body); status != 400 || e.Code != api.BadRequest {
			t.Errorf("%.60s: status %d, %+v", body, status, e)
		}
	}
}

// TestLongestBatch: the longest batch of the longest changes fits a request.
func TestLongestBatch(t *testing.T) {
	v, r := web, webServer
	v.Mark, v.PE, v.OnePacket, v.Netmask = 1<<32-1, "sip", true, 128
	v.SchedFlag = []string{"sh-fallback", "sh-port", "flag-3"}
	r.Tunnel = service.TunnelOptions{Type: "gue", Port: 65535, Checksum: "remcsum"}
	text, err := json.Marshal(api.Batch{Changes: slices.Repeat([]service.Change{{Op: service.AddServer, Service: v, Server: r}}, api.MaxBatch)})
	if err != nil || len(text) > maxRequestBytes/2 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// TestEnvApplyAll: the Env of the command line passes batches on.
func TestEnvApplyAll(t *testing.T) {
	b := newFakeBackend()
	env, err := NewEnv(context.Background(), StartOptions{Socket: serve(t, b)})
	if err != nil {
		t.Fatal(err)
	}
	defer env.Close()
	errs := env.ApplyAll(rules(1))
	if len(errs) != 3 || errs[0] != nil || errs[1] != nil || api.CodeOf(errs[2]) != api.ServerExists {
		t.Errorf("%v", errs)
	}
	if got := env.ApplyAll(nil); len(got) != 0 || !slices.Equal(b.batches, []int{3}) {
		t.Errorf("nothing gives %v; batches %v", got, b.batches)
	}
}
