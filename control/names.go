package control

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"ulvs/service"
)

// namesBudget is how long all lookups of one command may take together: a
// dead name server must not hold up a listing for minutes.
const namesBudget = 4 * time.Second

// SystemNames knows hosts by the system's resolver and ports by
// /etc/services. It remembers its answers and is safe for concurrent use.
type SystemNames struct {
	services func() *portNames

	mu       sync.Mutex
	ctx      context.Context
	deadline time.Time // set by the first lookup
	hosts    map[netip.Addr]string
}

// NewSystemNames returns names whose lookups end with ctx.
func NewSystemNames(ctx context.Context) *SystemNames {
	return &SystemNames{
		ctx:      ctx,
		services: sync.OnceValue(readServices),
		hosts:    map[netip.Addr]string{},
	}
}

// HostName returns the name of addr, "" if it has none or the time is up.
func (n *SystemNames) HostName(addr netip.Addr) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name, known := n.hosts[addr]; known {
		return name
	}
	ctx, cancel := n.limited()
	defer cancel()
	name := ""
	if names, err := net.DefaultResolver.LookupAddr(ctx, addr.String()); err == nil && len(names) > 0 {
		name = strings.TrimSuffix(names[0], ".")
	}
	n.hosts[addr] = name
	return name
}

// HostAddr returns the first IPv4 address of a host.
func (n *SystemNames) HostAddr(host string) (netip.Addr, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ctx, cancel := n.limited()
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	if err != nil || len(addrs) == 0 {
		return netip.Addr{}, false
	}
	return addrs[0].Unmap(), true
}

// limited returns a context that ends when the budget is used up.
func (n *SystemNames) limited() (context.Context, context.CancelFunc) {
	if n.deadline.IsZero() {
		n.deadline = time.Now().Add(namesBudget)
	}
	return context.WithDeadline(n.ctx, n.deadline)
}

// PortName returns the service name of a port, "" if it has none.
func (n *SystemNames) PortName(port uint16, proto service.Protocol) string {
	return n.services().names[portKey{port, proto}]
}

// Port returns the port of a service name.
func (n *SystemNames) Port(name string, proto service.Protocol) (uint16, bool) {
	port, ok := n.services().ports[nameKey{name, proto}]
	return port, ok
}

type portKey struct {
	port  uint16
	proto service.Protocol
}

type nameKey struct {
	name  string
	proto service.Protocol
}

// portNames is /etc/services in both directions.
type portNames struct {
	names map[portKey]string
	ports map[nameKey]uint16
}

// readServices reads /etc/services; without it all ports stay numbers.
func readServices() *portNames {
	f, err := os.Open("/etc/services")
	if err != nil {
		return &portNames{}
	}
	defer f.Close()
	return parseServices(f)
}

// parseServices reads the format of services(5): name port/protocol aliases.
// The first line that names a port or a name wins.
func parseServices(r io.Reader) *portNames {
	p := &portNames{names: map[portKey]string{}, ports: map[nameKey]uint16{}}
	for s := bufio.NewScanner(r); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		if f := strings.Fields(line); len(f) >= 2 {
			p.add(f[0], f[1], f[2:])
		}
	}
	return p
}

// add takes one line's fields in.
func (p *portNames) add(name, endpoint string, aliases []string) {
	number, protocol, _ := strings.Cut(endpoint, "/")
	proto, ok := map[string]service.Protocol{
		"tcp": service.TCP, "udp": service.UDP, "sctp": service.SCTP,
	}[protocol]
	port, err := strconv.ParseUint(number, 10, 16)
	if !ok || err != nil {
		return
	}
	if key := (portKey{uint16(port), proto}); p.names[key] == "" {
		p.names[key] = name
	}
	for _, alias := range append([]string{name}, aliases...) {
		if key := (nameKey{alias, proto}); p.ports[key] == 0 {
			p.ports[key] = uint16(port)
		}
	}
}
