package doctor

import (
	"context"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"ulvs/control"
	"ulvs/control/api"
	"ulvs/internal/guard"
	"ulvs/internal/netmon"
	"ulvs/service"
)

// Options say where to look and whether to ask.
type Options struct {
	Socket string // of the daemon's API; empty: that of the network namespace
	Probe  bool   // send ARP requests and SYNs
}

// Look gathers the facts, in the network namespace of the process. The error is
// about the host itself; a daemon that does not answer is a fact.
func Look(ctx context.Context, o Options) (*Facts, error) {
	f := &Facts{}
	view, err := netmon.Look()
	if err != nil {
		return nil, err
	}
	defer view.Close()
	f.Host = Host{Links: view.Links, Addresses: view.Addresses}
	if err := f.askDaemon(ctx, o.Socket); err != nil {
		return nil, err
	}
	f.Host.read(os.DirFS("/proc"))
	f.Host.Guard, f.Host.GuardErr = guard.Exists()
	if f.Daemon == nil {
		f.Wire.NotSent = "there is no daemon whose servers could be asked"
		return f, nil
	}
	f.Daemon.Caps = capabilitiesOf(os.DirFS("/proc"), strconv.Itoa(f.Daemon.Info.PID))
	f.readWays(view)
	f.Host.readFeatures(f.links())
	if !o.Probe {
		f.Wire.NotSent = "--no-probe"
		return f, nil
	}
	return f, f.probe()
}

// askDaemon takes what it says, or why it says nothing.
func (f *Facts) askDaemon(ctx context.Context, socket string) error {
	if socket == "" {
		path, err := control.SocketPath()
		if err != nil {
			return err
		}
		socket = path
	}
	c := control.NewClient(socket)
	defer c.Close()
	info, err := c.Info(ctx)
	var state *api.State
	var reasons api.Reasons
	var marks []service.MarkRule
	if err == nil {
		state, err = c.State(ctx)
	}
	if err == nil {
		reasons, err = c.Reasons(ctx)
	}
	if err == nil {
		marks, err = c.Marks(ctx)
	}
	if err != nil {
		f.Absent = err.Error()
		return nil
	}
	f.Daemon = &Daemon{Info: *info, State: *state, Marks: marks, Reasons: reasons}
	return nil
}

// readWays asks the kernel how servers are reached.
func (f *Facts) readWays(view *netmon.View) {
	f.Host.Ways, f.Host.NoWay = map[netip.Addr]netmon.Way{}, map[netip.Addr]error{}
	f.eachServer(func(_ *api.ServiceState, r *api.ServerState) {
		if way, err := view.WayTo(r.Addr); err != nil {
			f.Host.NoWay[r.Addr] = err
		} else {
			f.Host.Ways[r.Addr] = way
		}
	})
}

// readFeatures reads what interfaces do with packets by themselves.
func (h *Host) readFeatures(links []netmon.Link) {
	h.Features = map[string][]string{}
	for _, l := range links {
		if names, err := netmon.Features(l.Index); err == nil { // an old kernel does not tell
			h.Features[l.Name] = names
		}
	}
}

// read reads what is below /proc.
func (h *Host) read(proc fs.FS) {
	h.Sysctls = map[string]string{}
	paths := []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"}
	for _, name := range []string{"rp_filter", "arp_ignore"} {
		paths = append(paths, "net/ipv4/conf/all/"+name)
		for _, l := range h.Links {
			paths = append(paths, "net/ipv4/conf/"+l.Name+"/"+name)
		}
	}
	for _, p := range paths {
		if text, err := fs.ReadFile(proc, "sys/"+p); err == nil {
			h.Sysctls[p] = strings.TrimSpace(string(text))
		}
	}
	h.IPVS = kernelServices(proc)
	h.Listeners = listeners(proc)
}

// kernelServices returns the lines of /proc/net/ip_vs behind its three of
// heading.
func kernelServices(proc fs.FS) (lines []string) {
	const heading = 3
	text, err := fs.ReadFile(proc, "net/ip_vs")
	if err != nil {
		return nil // no such kernel module here, as it should be
	}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if i >= heading && !strings.HasPrefix(strings.TrimSpace(line), "->") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// capabilitiesOf reads the effective ones of a process of this network
// namespace; nil if that cannot be done.
func capabilitiesOf(proc fs.FS, pid string) *uint64 {
	own, err := fs.Stat(proc, "self/ns/net")
	if err != nil {
		return nil
	}
	its, err := fs.Stat(proc, pid+"/ns/net")
	if err != nil || !os.SameFile(own, its) {
		return nil // a daemon of another pid namespace: the number is somebody else's
	}
	text, err := fs.ReadFile(proc, pid+"/status")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if hex, found := strings.CutPrefix(line, "CapEff:"); found {
			if n, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64); err == nil {
				return &n
			}
		}
	}
	return nil
}
