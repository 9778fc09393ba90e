package lab

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"ulvs/control"
)

// Config says what Build builds.
type Config struct {
	Mode    string // DR, NAT or TUN
	Servers int    // number of real servers
	// Tunnel is how TUN's packets are encapsulated, one of decap.Types; empty: ipip.
	Tunnel    string
	HiddenVIP bool // the VIP is not on the director: ulvs has to answer for it
	Forward   bool // ip_forward on the director
	// Bare leaves what the LVS guides have one type on the real servers undone:
	// no VIP on lo, no arp_ignore and arp_announce.
	Bare bool
	// Bypass adds a router to NAT's networks, which nobody needs: a gateway by
	// which a reply passes the director by.
	Bypass bool
	// Binary is the program with the lab-host face, and the ulvs that
	// StartDirector and Ipvsadm run; our own executable if empty.
	Binary string
}

// Matrix returns every variant of the modes: VIP on the director or not,
// ip_forward off and on.
func Matrix(servers int) []Config {
	var all []Config
	for _, mode := range Modes() {
		for _, hidden := range []bool{false, true} {
			for _, forward := range []bool{false, true} {
				all = append(all, Config{Mode: mode, Servers: servers, HiddenVIP: hidden, Forward: forward})
			}
		}
	}
	return all
}

// String names the variant, "nat,vip-on-host,ip_forward=0".
func (c Config) String() string {
	vip := "vip-on-host"
	if c.HiddenVIP {
		vip = "vip-not-on-host"
	}
	return c.Mode + "," + vip + ",ip_forward=" + bit(c.Forward)
}

// Lab is a network that stands. All addresses are IPv4.
type Lab struct {
	Mode     string
	Tunnel   string // see Config
	VIP      netip.Addr
	Client   *Host
	Director *Host
	Router   *Host   // joins the networks of TUN, and of NAT with Bypass, else nil
	Switch   *Host   // has one bridge for each network and nothing else
	Servers  []*Host // rs1, rs2, ...

	binary   string
	dir      string // logs and sockets of the lab's processes
	leashEnd *os.File
	hosts    []*Host
	helpers  []*exec.Cmd
	director *Process
	closers  []io.Closer // the last to be closed, in this order
}

// Build builds the network of c, with nothing running in it. The calling
// process must be in a sandbox, as lab.Main makes one for tests.
func Build(c Config) (*Lab, error) {
	l, err := newLab(c)
	if err != nil {
		return nil, err
	}
	if err := l.build(newPlan(c)); err != nil {
		return nil, errors.Join(fmt.Errorf("build lab: %w", err), l.Close())
	}
	return l, nil
}

// newLab makes a lab without hosts.
func newLab(c Config) (*Lab, error) {
	if c.Binary == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find own executable: %w", err)
		}
		c.Binary = self
	}
	dir, err := os.MkdirTemp("", "ulvs-lab-")
	if err != nil {
		return nil, fmt.Errorf("make folder for the lab: %w", err)
	}
	end, leash, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	return &Lab{Mode: c.Mode, Tunnel: c.Tunnel, binary: c.Binary, dir: dir, leashEnd: end, closers: []io.Closer{leash, end}}, nil
}

// Hosts lists the hosts but for the switch, in the order of the printed table.
func (l *Lab) Hosts() []*Host {
	return slices.DeleteFunc(slices.Clone(l.hosts), func(h *Host) bool { return h == l.Switch })
}

// Host returns the host of that name, nil if there is none.
func (l *Lab) Host(name string) *Host {
	for _, h := range l.hosts {
		if h.Name == name {
			return h
		}
	}
	return nil
}

// Binary is the path of the ulvs program that the lab runs.
func (l *Lab) Binary() string { return l.binary }

// Dir is a folder of the lab's own, which goes with it.
func (l *Lab) Dir() string { return l.dir }

// Close stops the director and every helper and takes the network away.
// Programs that the caller has started in hosts are the caller's to end.
func (l *Lab) Close() error {
	if l == nil {
		return nil
	}
	var errs []error
	if l.director != nil {
		errs = append(errs, l.director.Stop())
	}
	l.removeRuntimeFiles()
	errs = append(errs, closeAll(l.closers)) // lets go of the leash first
	for _, cmd := range l.helpers {
		_ = cmd.Wait() // it was told to end; how it did is in its log
	}
	for _, h := range l.hosts {
		if h.ns != nil {
			errs = append(errs, h.ns.Close())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(l.dir))...)
}

// removeRuntimeFiles removes what a daemon in a host's namespace has left: a
// namespace that is gone has no daemon, and its number will be used again.
func (l *Lab) removeRuntimeFiles() {
	for _, h := range l.hosts {
		if h.ns == nil {
			continue
		}
		var socket string
		_ = h.Do(func() { socket, _ = control.SocketPath() })
		if socket == "" || os.Getenv(control.SocketEnv) != "" {
			continue
		}
		left, _ := filepath.Glob(strings.TrimSuffix(socket, ".sock") + ".*")
		for _, path := range left {
			_ = os.Remove(path)
		}
	}
}
