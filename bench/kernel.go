package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Route is the kernel as a router: the virtual address is the server's own and
// nothing is balanced. It is the least that any path through a host costs.
type Route struct{}

// Name implements Contestant.
func (Route) Name() string { return "kernel routing" }

// Wiring implements Contestant.
func (Route) Wiring() Wiring { return Wiring{Kernel: true, ServerVIP: true} }

// Start implements Contestant.
func (Route) Start(_ context.Context, t *Topology) (func() error, error) {
	err := t.Director.Route(t.VIP.String()+"/32", t.Reals[0].String())
	return nothing, errors.Join(err, t.forward())
}

// nothing is to be done at the end: it goes with the namespaces.
func nothing() error { return nil }

// forward sets the sysctls of config/ip-forward.conf.
func (t *Topology) forward() error {
	text, err := t.config("ip-forward.conf")
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if err := t.Director.Sysctl(strings.TrimSpace(name), strings.TrimSpace(value)); err != nil {
			return err
		}
	}
	return nil
}

// DNAT is the kernel's own load balancing by nftables.
type DNAT struct{}

// Name implements Contestant.
func (DNAT) Name() string { return "nftables DNAT" }

// Wiring implements Contestant.
func (DNAT) Wiring() Wiring { return Wiring{Kernel: true} }

// Start implements Contestant.
func (DNAT) Start(ctx context.Context, t *Topology) (func() error, error) {
	path, remove, err := t.writeConfig("nftables-dnat.nft")
	if err != nil {
		return nil, err
	}
	_, err = output(ctx, command{ns: t.Director, cpu: anyCPU, name: nftProgram.path(), args: []string{"-f", path}})
	if err = errors.Join(err, remove(), t.forward()); err != nil {
		return nil, err
	}
	return nothing, t.sizeConntrack()
}

// conntrackEntries is the least that the kernel's connection table must hold:
// twice the flows of the comparisons with it.
const conntrackEntries = 2 * DefaultFlows

const conntrackMax = "net/netfilter/nf_conntrack_max"

// sizeConntrack makes the kernel's table hold the load, or says who must.
func (t *Topology) sizeConntrack() error {
	var text []byte
	var err error
	entering := t.Director.Do(func() { text, err = os.ReadFile("/proc/sys/" + conntrackMax) })
	if err := errors.Join(entering, err); err != nil {
		return fmt.Errorf("read size of connection tracking: %w", err)
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err != nil || n >= conntrackEntries {
		return err
	}
	if t.Director.Sysctl(conntrackMax, strconv.Itoa(conntrackEntries)) != nil {
		return fmt.Errorf("connection tracking holds %s entries, nftables DNAT needs %d: sysctl -w %s=%d",
			strings.TrimSpace(string(text)), conntrackEntries, strings.ReplaceAll(conntrackMax, "/", "."), conntrackEntries)
	}
	return nil
}
