package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ulvs/control"
	"ulvs/service"
)

// Metrics of the daemon's life.
var (
	metricIdle    = Metric{Unit: "%core", Title: "% of a core", Lower: true}
	metricStart   = Metric{Unit: "ms", Title: "ms to the first packet", Lower: true}
	metricPackets = Metric{Unit: "lost-packets", Title: "packets lost", Lower: true}
	metricChanges = Metric{Unit: "changes", Title: "changes made"}
)

// idle measures what a daemon with a service uses when nothing comes.
func idle(d Director, full time.Duration) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, e *Env) (s Sample, err error) {
		t, err := newTopology(ctx, e, layout{wiring: d.Wiring(), place: Free, services: []Endpoint{discard}})
		if err != nil {
			return nil, err
		}
		defer t.close()
		p, err := startDaemon(ctx, t, d.Args...)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, p.stop()) }()
		if err := errors.Join(d.configure(ctx, p.client, t), pause(ctx, time.Second)); err != nil {
			return nil, err
		}
		before, err := p.cpuTime()
		if err != nil {
			return nil, err
		}
		start := time.Now()
		if err := pause(ctx, e.lasts(full)); err != nil {
			return nil, err
		}
		after, err := p.cpuTime()
		return Sample{metricIdle.Unit: 100 * float64(after-before) / float64(time.Since(start))}, err
	}
}

// Size of a large configuration.
const (
	manyServices = 1000
	manyServers  = 10
	// quickServices is manyServices where only the way is tried.
	quickServices = 50
)

// many is manyServices services of manyServers servers each, as ipvsadm -R
// reads them. The last is the one of the small packets.
func many(t *Topology, m service.Method) string {
	services := manyServices
	if t.env.Quick {
		services = quickServices
	}
	var b strings.Builder
	option := map[service.Method]string{service.NAT: "-m", service.DR: "-g", service.Tunnel: "-i"}[m]
	for i := range services {
		port := int(discard.Port) + services - 1 - i
		fmt.Fprintf(&b, "-A -u %v:%d -s wlc\n", t.VIP, port)
		real := t.Reals[0]
		for range manyServers {
			fmt.Fprintf(&b, "-a -u %v:%d -r %v:%d %s -w 1\n", t.VIP, port, real, port, option)
			real = real.Next()
		}
	}
	return b.String()
}

// crowd is a topology with all servers of many, and a daemon without services.
func crowd(ctx context.Context, e *Env, d Director, rate int) (t *Topology, g generator, err error) {
	l := layout{wiring: d.Wiring(), place: OwnCore, services: []Endpoint{discard}, count: true}
	if t, err = newTopology(ctx, e, l); err != nil {
		return nil, nil, err
	}
	real := t.Reals[len(t.Reals)-1]
	for range manyServers - len(t.Reals) {
		real = real.Next()
		err = errors.Join(err, t.Server.Addr(t.SinkIf, real.String()+"/24"))
	}
	if err == nil {
		g, err = newGenerator(t, Load{Flows: 1000, Rate: rate, SocketSource: e.SocketSource})
	}
	if err != nil {
		t.close()
		return nil, nil, err
	}
	return t, g, nil
}

// restore gives the daemon a configuration by the command that users type.
func (p *daemonProcess) restore(ctx context.Context, t *Topology, rules string) error {
	_, err := output(ctx, command{
		ns: t.Director, cpu: t.Place.Director, name: t.env.Binary, args: []string{"ipvsadm", "-R"},
		env: []string{control.SocketEnv + "=" + p.client.Path()}, stdin: io.Reader(strings.NewReader(rules)),
	})
	return err
}

// startUp measures the time from the daemon's start, with all of many restored
// by ipvsadm, until a packet of the last service reaches a server.
func startUp(d Director) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, e *Env) (s Sample, err error) {
		t, g, err := crowd(ctx, e, d, 2000)
		if err != nil {
			return nil, err
		}
		defer t.close()
		rules := many(t, d.Method)
		if err := g.start(); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, g.stop()) }()
		begun := time.Now()
		p, err := startDaemon(ctx, t, d.Args...)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, p.stop()) }()
		if err := p.restore(ctx, t, rules); err != nil {
			return nil, err
		}
		if err := t.awaitPacket(ctx); err != nil {
			return nil, err
		}
		return Sample{metricStart.Unit: float64(time.Since(begun).Microseconds()) / 1e3}, nil
	}
}

// awaitPacket waits until the server has received something.
func (t *Topology) awaitPacket(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		n, err := t.received.packets()
		if n > 0 || err != nil {
			return err
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return fmt.Errorf("wait for the first packet: %w", err)
		}
	}
}

// Changes under load.
const (
	changeRate  = 300_000 // packets per second
	changeEvery = 50 * time.Millisecond
)

// changeWeight counts the packets that are lost while one weight of a large
// configuration is changed again and again.
func changeWeight(d Director, full time.Duration) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, e *Env) (s Sample, err error) {
		t, g, err := crowd(ctx, e, d, changeRate)
		if err != nil {
			return nil, err
		}
		defer t.close()
		p, err := startDaemon(ctx, t, d.Args...)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, p.stop()) }()
		if err := p.restore(ctx, t, many(t, d.Method)); err != nil {
			return nil, err
		}
		if err := g.start(); err != nil {
			return nil, err
		}
		changes, err := p.changeWeights(ctx, t, d, e.lasts(full))
		if err := errors.Join(err, g.stop()); err != nil {
			return nil, err
		}
		lost, err := t.loss(ctx)
		if err != nil {
			return nil, err
		}
		c, err := t.counts()
		return Sample{
			metricPackets.Unit: lost * float64(c.offered), metricChanges.Unit: float64(changes),
			metricOffered.Unit: changeRate / 1e3, metricLoss.Unit: 100 * lost,
		}, err
	}
}

// changeWeights gives a server of the loaded service other weights.
func (p *daemonProcess) changeWeights(ctx context.Context, t *Topology, d Director, lasts time.Duration) (changes int, err error) {
	vs := service.VirtualService{Key: service.Key{Protocol: discard.Protocol, Addr: t.VIP, Port: discard.Port}}
	for start := time.Now(); time.Since(start) < lasts; changes++ {
		if err := pause(ctx, changeEvery); err != nil {
			return changes, err
		}
		rs := service.RealServer{Addr: t.Reals[0], Port: discard.Port, Method: d.Method, Weight: 1 + changes%2}
		if err := p.client.Apply(ctx, service.Change{Op: service.EditServer, Service: vs, Server: rs}); err != nil {
			return changes, err
		}
	}
	return changes, nil
}
