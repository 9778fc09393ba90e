// Package guard keeps the host's own network stack away from the packets that
// the director has taken over. A packet socket is a tap: without the guard the
// kernel would also answer a client's packet, or forward it a second time.
//
// It owns one nftables table, "ulvs" of the netdev family, whose chains at the
// ingress of each interface run after the taps of ETH_P_ALL sockets. They drop
// packets to a virtual service, and the replies of NAT real servers, unless
// those go to the host itself or belong to a conversation that somebody has
// directly with the real server through this host. Everything else, other
// ports of a virtual address included, passes untouched. It never looks at or
// changes another table.
//
// The table outlives a killed process, so that the host does not reset
// connections in the time until a restart; Open replaces it, Close and Remove
// take it away.
//
// Limits: later fragments have no ports, so those to a virtual address of the
// host or to a range of ports, and those of replies, pass. Traffic that a NAT
// real server begins itself from its service port, or from one of the ports that
// a firewall mark is given to, is dropped.
//
// A Guard may be used from several goroutines, but only in the network
// namespace in which it was opened.
package guard

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"

	"ulvs/dataplane/filter"
)

// Reasons for which there can be no guard; the daemon names the consequence.
var (
	ErrNotPermitted = errors.New("needs CAP_NET_ADMIN")
	ErrNoNftables   = errors.New("kernel has no nftables with netdev ingress (CONFIG_NF_TABLES_NETDEV)")
)

// tableName is the name of our table in the netdev family.
const tableName = "ulvs"

// Endpoint is the packet filter's: what is let in is what is kept from the host.
type Endpoint = filter.Endpoint

// Rules are what the director has taken over.
type Rules struct {
	Services []Endpoint   // virtual services
	NATReals []Endpoint   // real servers by NAT
	Locals   []netip.Addr // all addresses of the host

	// For what is not one endpoint: services by firewall mark, FTP data.

	Virtual []netip.Addr // virtual addresses beside those of Services
	Taken   []Match      // to a service; the first that matches decides
	Replies []Match      // from a NAT real server
}

// Guard is the table in the kernel.
type Guard struct {
	mu     sync.Mutex
	conn   *nftables.Conn
	rules  ruleset
	handle uint64                     // of the table
	held   map[*nftables.Set][][]byte // elements of the static sets, in order; nil: not known
	filled *Rules                     // whose matches the chains hold; nil: not known
}

// Open makes the table, still without anything to drop, and hooks it into the
// interfaces. A table left by a killed process is replaced in the same step.
func Open(interfaces []string) (*Guard, error) {
	conn, err := connect()
	if err != nil {
		return nil, err
	}
	g := &Guard{conn: conn}
	t := tableOf()
	conn.AddTable(t) // so that there is one to delete
	conn.DelTable(t)
	conn.AddTable(t)
	if g.rules, err = addRules(conn, t); err != nil {
		return nil, fmt.Errorf("describe nftables rules: %w", err)
	}
	if err := g.flush("create nftables table " + tableName); err != nil {
		return nil, err
	}
	if g.handle, err = tableHandle(); err == nil {
		err = g.SetInterfaces(interfaces)
	}
	if err != nil {
		return nil, errors.Join(err, Remove())
	}
	return g, nil
}

// Remove deletes the table of whichever process made it, if there is one.
func Remove() error {
	conn, err := connect()
	if err != nil {
		return err
	}
	conn.AddTable(tableOf())
	conn.DelTable(tableOf())
	return explain("delete nftables table "+tableName, conn.Flush())
}

// Close removes the table; the host's stack sees everything again.
func (g *Guard) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Remove()
}

// tableOf describes our table.
func tableOf() *nftables.Table {
	return &nftables.Table{Name: tableName, Family: nftables.TableFamilyNetdev}
}

// bufferBytes lets one transaction hold some ten thousand services.
const bufferBytes = 4 << 20

// connect prepares a connection. Each transaction gets a socket of its own, so
// that one that failed leaves nothing unread behind.
func connect() (*nftables.Conn, error) {
	conn, err := nftables.New(nftables.WithSockOptions(func(c *netlink.Conn) error {
		return errors.Join(c.SetWriteBuffer(bufferBytes), c.SetReadBuffer(bufferBytes))
	}))
	return conn, explain("open nftables", err)
}

// flush commits what has been prepared on the connection, all or nothing.
func (g *Guard) flush(what string) error { return explain(what, first(g.conn.Flush())) }

// first returns the first of joined errors: the kernel answers each message of
// a transaction, mostly the same.
func first(err error) error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if joined, ok := e.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) > 0 {
			return first(joined.Unwrap()[0])
		}
	}
	return err
}

// Present reports whether the kernel still has the table that Open made.
// Another's flush of the ruleset removes it, and loading a saved one may have
// put an old copy in its place. A Guard without its table is of no use any more:
// open a new one.
func (g *Guard) Present() (bool, error) {
	handle, err := tableHandle()
	return err == nil && handle == g.handle, err
}

// explain adds what is missing to an error of the kernel's.
func explain(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%s: %w", what, ErrNotPermitted)
	case errors.Is(err, syscall.EPROTONOSUPPORT), errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.EAFNOSUPPORT):
		return fmt.Errorf("%s: %w: %w", what, ErrNoNftables, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Sync makes the table drop exactly what r says, in one transaction: no packet
// sees a state between the old and the new. Only the difference to the last
// Sync goes to the kernel.
func (g *Guard) Sync(r Rules) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	next := make(map[*nftables.Set][][]byte)
	for _, f := range g.rules.families {
		for name, keys := range f.keys(r) {
			s := f.sets[name]
			next[s] = ordered(keys)
			change(g.conn, s, g.held[s], next[s])
		}
	}
	g.fill(&r)
	err := g.flush("update nftables sets")
	if err != nil {
		next, g.filled = nil, nil // what is there now is not known
	}
	g.held = next
	return err
}

// fill prepares the chains of matches, if they are to change.
func (g *Guard) fill(r *Rules) {
	if g.filled != nil && slices.Equal(g.filled.Taken, r.Taken) && slices.Equal(g.filled.Replies, r.Replies) {
		return
	}
	for _, f := range g.rules.families {
		f.setMatches(g.conn, *r)
	}
	g.filled = &Rules{Taken: slices.Clone(r.Taken), Replies: slices.Clone(r.Replies)}
}

// SetInterfaces hooks the table into these interfaces and no others. Call it
// again when an interface was deleted and made anew. For one that does not
// exist Linux 6.16 and later wait; before, the error wraps ENOENT or ENODEV and
// nothing has changed.
func (g *Guard) SetInterfaces(interfaces []string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	present, err := g.hooked()
	if err != nil {
		return err
	}
	for _, name := range interfaces {
		g.rules.hook(g.conn, name)
	}
	for name, chain := range present {
		if !slices.Contains(interfaces, name) {
			g.conn.DelChain(chain)
		}
	}
	return g.flush(fmt.Sprintf("hook nftables into interfaces %v", interfaces))
}

// hooked returns the chains of interfaces. The kernel may have removed some
// with their interface.
func (g *Guard) hooked() (map[string]*nftables.Chain, error) {
	all, err := g.conn.ListChainsOfTableFamily(nftables.TableFamilyNetdev)
	if err != nil {
		return nil, explain("list nftables chains", err)
	}
	found := make(map[string]*nftables.Chain)
	for _, c := range all {
		if name, ok := interfaceOf(c); ok {
			found[name] = c
		}
	}
	return found, nil
}
