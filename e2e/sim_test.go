package e2e

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"ulvs/lab"
	"ulvs/sim"
)

// replayTries is how often the replay may be disturbed: the machine may be busy
// with other things for as long as one takes, ten seconds.
const replayTries = 3

// TestSimulatorAgrees replays a scenario, the same arrivals with the same work,
// in the simulator and through the daemon, with HTTP servers that hold each
// request for its work in one of their slots. Shares and the median response
// time are within a tenth of each other.
func TestSimulatorAgrees(t *testing.T) {
	const seed = 1
	sc, err := sim.Load("real-servers")
	check(t, err)
	want, err := sim.Simulate(context.Background(), sc, "wlc", seed)
	check(t, err)
	var csv bytes.Buffer
	check(t, sc.WriteTrace(&csv, seed, sc.Connections))
	trace := readReplay(t, csv.Bytes())
	problem := ""
	for range replayTries {
		got := replay(t, sc, trace)
		if problem = got.differs(want); problem == "" {
			t.Logf("p50 %.1f ms, simulated %.1f ms; answers %v", got.median()*1000, want.Response.P50*1000, got.answers)
			return
		}
		t.Log(problem)
	}
	t.Errorf("%d times: %s", replayTries, problem)
}

// request is a row of a trace, in seconds.
type request struct{ at, work float64 }

func readReplay(t *testing.T, text []byte) (all []request) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	check(t, err)
	for _, row := range rows[1:] {
		at, err := strconv.ParseFloat(row[0], 64)
		check(t, err)
		work, err := strconv.ParseFloat(row[1], 64)
		check(t, err)
		all = append(all, request{at, work})
	}
	return all
}

// replayed is what real clients have seen.
type replayed struct {
	mu       sync.Mutex
	answers  map[string]int
	times    []float64 // seconds
	failures []error
}

// replay sends the requests of a trace at their times through a lab of its own.
func replay(t *testing.T, sc *sim.Scenario, trace []request) *replayed {
	t.Helper()
	n := bare(t, lab.Config{Mode: lab.NAT, Servers: len(sc.Servers)})
	n.start()
	var weights []int
	for i, g := range sc.Servers {
		weights = append(weights, g.Weight)
		holdRequests(t, n.Servers[i], g.Slots)
	}
	n.rules("wlc", weights...)
	got := &replayed{answers: map[string]int{}}
	var all sync.WaitGroup
	begin := time.Now()
	for _, r := range trace {
		due := begin.Add(time.Duration(r.at * float64(time.Second)))
		<-time.After(time.Until(due))
		all.Go(func() { got.ask(n, due, r.work) })
	}
	all.Wait()
	if len(got.failures) > 0 {
		t.Fatalf("%d requests failed: %v", len(got.failures), got.failures)
	}
	return got
}

// ask makes one request; its time is from when it was due to the answer.
func (g *replayed) ask(n *network, due time.Time, work float64) {
	name, err := askWork(n, work)
	took := time.Since(due).Seconds()
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.failures = append(g.failures, err)
		return
	}
	g.answers[name]++
	g.times = append(g.times, took)
}

func askWork(n *network, work float64) (string, error) {
	c, err := dial(n.Client, n.Service().String(), patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", int64(work*1e9)); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	return response.Header.Get("Server"), nil
}

// holdRequests starts an HTTP server on a host that holds each request for the
// nanoseconds in its path, so many at once; the others wait for their turn.
func holdRequests(t *testing.T, h *lab.Host, slots int) {
	t.Helper()
	var listener net.Listener
	var err error
	check(t, h.Do(func() { listener, err = net.Listen("tcp4", ":80") }))
	check(t, err)
	free := make(chan struct{}, slots)
	server := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		work, _ := strconv.ParseInt(r.URL.Path[1:], 10, 64)
		free <- struct{}{} // whoever waits longest is let in first
		<-time.After(time.Duration(work))
		<-free
		w.Header().Set("Server", h.Name)
	})}
	done := make(chan error)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		check(t, server.Close())
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("server of %s: %v", h.Name, err)
		}
	})
}

func (g *replayed) median() float64 {
	slices.Sort(g.times)
	return g.times[len(g.times)/2]
}

// differs says what is further than a tenth from what was simulated.
func (g *replayed) differs(want *sim.Result) string {
	far := func(got, want float64) bool { return math.Abs(got-want) > 0.1*want }
	for _, s := range want.Servers {
		if share := float64(g.answers[s.Name]) / float64(len(g.times)); far(share, s.Share) {
			return fmt.Sprintf("%s has a share of %.3f, simulated %.3f; answers %v", s.Name, share, s.Share, g.answers)
		}
	}
	if far(g.median(), want.Response.P50) {
		return fmt.Sprintf("p50 is %.1f ms, simulated %.1f ms", g.median()*1000, want.Response.P50*1000)
	}
	return ""
}
