package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"ulvs/lab"
)

// attemptTimeout is how long the client of a pulse waits for one answer. It
// bounds how exactly the end of an outage is seen.
const attemptTimeout = 150 * time.Millisecond

// pulse is a client that makes requests one after the other, each on a
// connection of its own, until the test ends.
type pulse struct {
	n    *network
	t    *testing.T
	ctx  context.Context
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	oks     []time.Time // when an answer was complete
	failed  int
	problem error // the last failure
}

// pulse starts a client.
func (n *network) pulse(t *testing.T) *pulse {
	t.Helper()
	p := &pulse{n: n, t: t, done: make(chan struct{})}
	p.ctx, p.stop = context.WithCancel(context.Background())
	go p.run()
	t.Cleanup(p.end)
	p.awaitAfter(time.Now(), patience)
	return p
}

func (p *pulse) run() {
	defer close(p.done)
	for p.ctx.Err() == nil {
		p.attempt()
	}
}

// end ends the client.
func (p *pulse) end() {
	p.stop()
	<-p.done
}

// attempt makes one request, or fails in time.
func (p *pulse) attempt() {
	conn, err := dial(p.n.Client, p.n.Service().String(), attemptTimeout)
	if err == nil {
		_, err = conn.ask(attemptTimeout)
		_ = conn.Close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.oks = append(p.oks, time.Now())
		return
	}
	p.failed++
	p.problem = err
}

// firstAfter returns when the first answer after the moment was complete.
func (p *pulse) firstAfter(moment time.Time) (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.oks) - 1; i >= 0; i-- {
		if p.oks[i].Before(moment) {
			p.oks = p.oks[i+1:]
			break
		}
	}
	if len(p.oks) == 0 {
		return time.Time{}, false
	}
	return p.oks[0], true
}

// awaitAfter waits for an answer and returns how long after the moment it came.
func (p *pulse) awaitAfter(moment time.Time, limit time.Duration) time.Duration {
	p.t.Helper()
	var first time.Time
	if !eventually(limit, func() (ok bool) { first, ok = p.firstAfter(moment); return ok }) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.t.Fatalf("no answer within %v: %v", limit, p.problem)
	}
	return first.Sub(moment)
}

// fails waits for an attempt that fails: the outage has reached the client.
func (p *pulse) fails() {
	p.t.Helper()
	count := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.failed
	}
	before := count()
	if !eventually(patience, func() bool { return count() > before }) {
		p.t.Fatal("requests are still answered")
	}
}

// connection is a client's HTTP connection to a lab server.
type connection struct {
	net.Conn
	r *bufio.Reader
}

// dial connects from a host.
func dial(h *lab.Host, addr string, limit time.Duration) (c *connection, err error) {
	var conn net.Conn
	entering := h.Do(func() { conn, err = net.DialTimeout("tcp4", addr, limit) })
	if entering != nil {
		return nil, entering
	}
	if err != nil {
		return nil, err
	}
	return &connection{conn, bufio.NewReader(conn)}, nil
}

// ask makes a request and returns the name of the server that answers; the
// connection stays open.
func (c *connection) ask(limit time.Duration) (name string, err error) {
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body := bufio.NewScanner(response.Body)
	for body.Scan() {
		if name == "" {
			name = body.Text()
		}
	}
	return name, body.Err()
}
