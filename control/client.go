package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"time"

	"ulvs/control/api"
	"ulvs/service"
	"ulvs/sysctl"
)

// requestTimeout bounds one request but the listing of connections, which
// lasts as long as the daemon keeps sending.
const requestTimeout = 30 * time.Second

// Client talks to the daemon behind one socket. Failures are *api.Error; its
// code is Unreachable if no daemon answers there.
type Client struct {
	path string
	http http.Client
}

// NewClient returns a client of the daemon at the socket path. It connects
// with the first request.
func NewClient(path string) *Client {
	var d net.Dialer
	return &Client{path: path, http: http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		},
		MaxIdleConns:       1,
		DisableCompression: true,
	}}}
}

// Path returns the socket's path.
func (c *Client) Path() string { return c.path }

// Close closes the idle connection.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Apply asks for one change of the configuration.
func (c *Client) Apply(ctx context.Context, change service.Change) error {
	return c.post(ctx, "/v1/changes", change)
}

// State returns the configuration with its counters.
func (c *Client) State(ctx context.Context) (*api.State, error) {
	return get[api.State](ctx, c, "/v1/state")
}

// Timeouts returns the timeouts in force.
func (c *Client) Timeouts(ctx context.Context) (*api.Timeouts, error) {
	return get[api.Timeouts](ctx, c, "/v1/timeouts")
}

// SetTimeouts changes the timeouts that are not 0.
func (c *Client) SetTimeouts(ctx context.Context, t api.Timeouts) error {
	return c.post(ctx, "/v1/timeouts", t)
}

// Settings returns the settings in force.
func (c *Client) Settings(ctx context.Context) (api.Settings, error) {
	s, err := get[api.Settings](ctx, c, "/v1/settings")
	if err != nil {
		return nil, err
	}
	return *s, nil
}

// SetSettings makes all assignments, or none and says why.
func (c *Client) SetSettings(ctx context.Context, all []sysctl.Assignment) error {
	return c.post(ctx, "/v1/settings", api.SettingsRequest{Set: all})
}

// Zero resets the counters of one service, or all if key is nil.
func (c *Client) Zero(ctx context.Context, key *service.Key) error {
	return c.post(ctx, "/v1/zero", api.ZeroRequest{Key: key})
}

// Info returns what the daemon says about itself.
func (c *Client) Info(ctx context.Context) (*api.Info, error) {
	return get[api.Info](ctx, c, "/v1/info")
}

// Reasons returns the packet counts by reason.
func (c *Client) Reasons(ctx context.Context) (api.Reasons, error) {
	r, err := get[api.Reasons](ctx, c, "/v1/reasons")
	if err != nil {
		return nil, err
	}
	return *r, nil
}

// Connections calls yield for each connection as it arrives, until the end or
// until yield fails.
func (c *Client) Connections(ctx context.Context, yield func(api.Connection) error) error {
	body, err := c.do(ctx, http.MethodGet, "/v1/connections", nil)
	if err != nil {
		return err
	}
	defer body.Close()
	dec := json.NewDecoder(body)
	for {
		var conn api.Connection
		if err := dec.Decode(&conn); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return api.Errorf(api.Unreachable, "read connections from %s: %v", c.path, err)
		}
		if err := yield(conn); err != nil {
			return err
		}
	}
}

// get fetches one value.
func get[T any](ctx context.Context, c *Client, route string) (*T, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	body, err := c.do(ctx, http.MethodGet, route, nil)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	v := new(T)
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return nil, api.Errorf(api.Unreachable, "read answer of %s: %v", c.path, err)
	}
	return v, nil
}

// post sends one value and expects no answer but success.
func (c *Client) post(ctx context.Context, route string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	body, err := c.do(ctx, http.MethodPost, route, bytes.NewReader(text))
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, body) // so that the connection is used again
	return body.Close()
}

// do sends one request and returns the body of a successful answer.
func (c *Client) do(ctx context.Context, method, route string, body io.Reader) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://ulvs"+route, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	e := &api.Error{}
	if json.NewDecoder(res.Body).Decode(e) != nil || e.Code == "" {
		return nil, api.Errorf(api.Internal, "daemon at %s answered %s", c.path, res.Status)
	}
	return nil, e
}

// unreachable says why no daemon answered; a socket we may not open is
// Forbidden, not Unreachable: starting another daemon would not help.
func (c *Client) unreachable(err error) *api.Error {
	if errors.Is(err, fs.ErrPermission) {
		return api.Errorf(api.Forbidden, "open control socket %s: %v", c.path, fs.ErrPermission)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return api.Errorf(api.Unreachable, "no daemon answers at %s: %v", c.path, err)
}
