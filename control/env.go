package control

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"ulvs/control/api"
	"ulvs/service"
)

// Env is a daemon as the command line needs it: the first change starts one,
// and until then there is an empty table to look at. It is the Env of package
// ipvsadm. It is not safe for concurrent use.
type Env struct {
	*SystemNames
	ctx     context.Context
	client  *Client
	options StartOptions
	running bool // a daemon has answered
}

// NewEnv returns the Env of the daemon at o.Socket, SocketPath() if empty.
// ctx bounds everything done through it.
func NewEnv(ctx context.Context, o StartOptions) (*Env, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	return &Env{SystemNames: NewSystemNames(ctx), ctx: ctx, client: NewClient(o.Socket), options: o}, nil
}

// Close closes the connection to the daemon.
func (e *Env) Close() { e.client.Close() }

// Apply makes one change.
func (e *Env) Apply(c service.Change) error {
	return e.change(func() error { return e.client.Apply(e.ctx, c) })
}

// SetTimeouts changes the timeouts that are not 0.
func (e *Env) SetTimeouts(t api.Timeouts) error {
	return e.change(func() error { return e.client.SetTimeouts(e.ctx, t) })
}

// Zero resets the counters of one service, or all if key is nil.
func (e *Env) Zero(key *service.Key) error {
	return e.change(func() error { return e.client.Zero(e.ctx, key) })
}

// State returns the configuration, an empty one if no daemon runs.
func (e *Env) State() (*api.State, error) {
	s, err := e.client.State(e.ctx)
	if absent, err := e.absent(err); !absent {
		return s, err
	}
	return &api.State{Version: api.Version, Size: api.DefaultSize}, nil
}

// Timeouts returns the timeouts in force, the defaults if no daemon runs.
func (e *Env) Timeouts() (*api.Timeouts, error) {
	t, err := e.client.Timeouts(e.ctx)
	if absent, err := e.absent(err); !absent {
		return t, err
	}
	d := api.DefaultTimeouts
	return &d, nil
}

// Connections calls yield for each connection, none if no daemon runs.
func (e *Env) Connections(yield func(api.Connection) error) error {
	absent, err := e.absent(e.client.Connections(e.ctx, yield))
	if absent {
		return nil
	}
	return err
}

// absent reports whether err says that there is no daemon and that we could
// run one: then there is nothing to list, and that is no failure. Who could
// not run one cannot know the table either.
func (e *Env) absent(err error) (bool, error) {
	if !isUnreachable(err) {
		return false, err
	}
	if !mayRun() {
		return false, api.Errorf(api.Forbidden, "no daemon at %s: %v", e.client.Path(), fs.ErrPermission)
	}
	return true, nil
}

// change starts a daemon if there is none yet, then does one thing with it.
func (e *Env) change(do func() error) error {
	if e.running {
		return do()
	}
	err := do()
	if !isUnreachable(err) {
		e.running = true
		return err
	}
	if _, err := e.absent(err); err != nil {
		return err
	}
	if err := EnsureDaemon(e.ctx, e.options); err != nil {
		return api.Errorf(api.Unreachable, "%v", err)
	}
	e.running = true
	return do()
}

// mayRun reports whether a daemon that we start could work: as root, or with
// CAP_NET_RAW, for instance by file capabilities.
func mayRun() bool {
	if os.Geteuid() == 0 {
		return true
	}
	status, err := os.ReadFile("/proc/self/status")
	return err == nil && hasNetRaw(string(status))
}

// hasNetRaw looks for CAP_NET_RAW in the CapEff line of /proc/self/status
// (proc(5), capabilities(7)).
func hasNetRaw(status string) bool {
	const capNetRaw = 13
	for line := range strings.Lines(status) {
		var set uint64
		if _, err := fmt.Sscanf(line, "CapEff:\t%x", &set); err == nil {
			return set>>capNetRaw&1 == 1
		}
	}
	return false
}
