package bench

import (
	"context"
	"errors"
)

// Proxy is a program that accepts each connection at the virtual address and
// makes another to a real server.
type Proxy struct {
	name    string
	program program
	config  string // below config
	args    []string
	forks   bool // into a master and workers
}

// The proxies.
var (
	HAProxy       = Proxy{name: "HAProxy TCP", program: haproxyProgram, config: "haproxy.cfg", args: []string{"-db", "-f"}}
	HAProxySplice = Proxy{name: "HAProxy TCP splice", program: haproxyProgram, config: "haproxy-splice.cfg", args: []string{"-db", "-f"}}
	NginxStream   = Proxy{name: "nginx stream", program: streamModule, config: "nginx-stream.conf", args: []string{"-e", "stderr", "-c"}, forks: true}
)

// Name implements Contestant.
func (p Proxy) Name() string { return p.name }

// Wiring implements Contestant.
func (Proxy) Wiring() Wiring { return Wiring{Kernel: true} }

// Start implements Contestant.
func (p Proxy) Start(ctx context.Context, t *Topology) (func() error, error) {
	if err := t.Director.Addr("lo", t.VIP.String()+"/32"); err != nil {
		return nil, err
	}
	return startConfigured(ctx, t, p, command{ns: t.Director, cpu: t.Place.Director, group: p.forks})
}

// startConfigured runs a program with its configuration and waits until it
// listens for all services.
func startConfigured(ctx context.Context, t *Topology, p Proxy, c command) (func() error, error) {
	path, remove, err := t.writeConfig(p.config)
	if err != nil {
		return nil, err
	}
	c.name, c.args = p.program.path(), append(append([]string(nil), p.args...), path)
	running, err := start(c)
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	stop := func() error { return errors.Join(running.stop(), remove()) }
	for _, s := range t.Services {
		if err := awaitListening(ctx, running, s.Port); err != nil {
			return nil, errors.Join(err, stop())
		}
	}
	return stop, nil
}
