package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Limits of one request, and how many may fail in a row before the rest is
// not tried.
const (
	requestTimeout = 5 * time.Second
	maxFailures    = 3
)

// Tally is what came of a number of requests.
type Tally struct {
	Answers  map[string]int `json:"answers"` // by the name in the answer
	Failures int            `json:"failures"`
	Problem  string         `json:"problem,omitempty"` // the first failure
	Seconds  float64        `json:"seconds"`
}

// Requests sends n requests one after the other from the lab's client, each
// on a connection of its own that is closed before the next begins.
func (l *Lab) Requests(ctx context.Context, url string, n int) (Tally, error) {
	var t Tally
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, l.binary, hostFace, roleClient, url, strconv.Itoa(n))
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := l.Client.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &t)
	}
	if err != nil {
		return t, fmt.Errorf("run client: %w %s", err, lastLine(complaints.String()))
	}
	return t, nil
}

// client is the HTTP client. Arguments: the URL, the number of requests. It
// prints a Tally.
func client(ctx context.Context, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(ask(ctx, args[0], n))
}

// ask makes the requests.
func ask(ctx context.Context, url string, n int) Tally {
	t := Tally{Answers: map[string]int{}}
	begin := time.Now()
	for failed := 0; n > 0 && failed < maxFailures && ctx.Err() == nil; n-- {
		name, err := askOnce(ctx, url)
		if err == nil {
			failed = 0
			t.Answers[name]++
			continue
		}
		failed++
		t.Failures++
		if t.Problem == "" {
			t.Problem = err.Error()
		}
	}
	t.Failures += n // not tried any more
	t.Seconds = time.Since(begin).Seconds()
	return t
}

// askOnce makes one request on a new connection and returns the first line of
// the answer once the connection is closed.
func askOnce(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	d := &dialer{}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: d.dial}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	_ = response.Body.Close() // it was read; the error, if any, is above
	d.close()
	if err != nil {
		return "", err
	}
	name, _, _ := strings.Cut(string(body), "\n")
	return name, nil
}

// dialer keeps the connection it has made. The transport closes it some time
// after the answer was read, perhaps after the next request has begun; a
// scheduler that counts connections would see that, so it is closed here.
type dialer struct{ conn net.Conn }

func (d *dialer) dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	d.conn, err = new(net.Dialer).DialContext(ctx, network, addr)
	return d.conn, err
}

func (d *dialer) close() { _ = d.conn.Close() } // closing twice is harmless
