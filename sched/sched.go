package sched

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ulvs/wire"
)

// Flow is what a scheduler may look at of the packet that opens a connection.
type Flow struct {
	Client, Virtual         wire.Addr
	ClientPort, VirtualPort uint16
	Proto                   uint8
	Now                     time.Duration // monotonic, since an arbitrary start
}

// Config is what a scheduler may need beside its list.
type Config struct {
	Flags    []string  // as ipvsadm --sched-flags names them
	Seed     uint64    // for the schedulers that choose at random
	Tunables *Tunables // nil: the defaults, unchanging
	// LastWeight returns the last weight above 0 of a server since it was added,
	// 0 if it had none (kernel include/net/ip_vs.h, ip_vs_dest.last_weight). nil:
	// nothing is known but the weights. It is called in Init only.
	LastWeight func(*Server) int32
}

// Tunables are the settings of ip_vs that schedulers look at, in nanoseconds.
// They may be changed at any time.
type Tunables struct {
	LBLCExpiration  atomic.Int64 // kernel ip_vs_lblc.c, lblc_expiration
	LBLCRExpiration atomic.Int64 // kernel ip_vs_lblcr.c, lblcr_expiration
}

// DefaultExpiration is how long lblc and lblcr remember a destination nobody
// asked for: a day (kernel ip_vs_lblc.c, DEFAULT_EXPIRATION).
const DefaultExpiration = 24 * time.Hour

// NewTunables returns the defaults of ip_vs.
func NewTunables() *Tunables {
	t := new(Tunables)
	t.LBLCExpiration.Store(int64(DefaultExpiration))
	t.LBLCRExpiration.Store(int64(DefaultExpiration))
	return t
}

// Upkeep is implemented by schedulers that have something to tidy up over
// time. Tick is called about once a second, serialised with every other call.
type Upkeep interface {
	Tick(now time.Duration)
}

// Scheduler picks the real servers of one virtual service. It keeps the list it
// was last given, which nobody changes afterwards. Lists are in the kernel's
// order: a new server is put at the head.
//
// A scheduler that has something to tidy up over time implements Upkeep too.
type Scheduler interface {
	// Name returns the name that ipvsadm -s takes.
	Name() string
	// Init starts afresh with list: at the service's creation and when the
	// service is edited to use this scheduler. Init(nil) lets go of all
	// servers: the last call for a scheduler that is given up.
	Init(list []*Server)
	// Added tells that s is new in list.
	Added(list []*Server, s *Server)
	// Edited tells that the weight or thresholds of s may have changed.
	Edited(list []*Server, s *Server)
	// Removed tells that s, which was at index at, is no longer in list.
	Removed(list []*Server, s *Server, at int)
	// Pick returns the server for a new connection, nil if none is usable. It
	// allocates nothing, unless it has to remember f. The caller counts the connection by Server.Bind
	// before it picks again.
	Pick(f *Flow) *Server
}

// Errors of New.
var (
	ErrUnknown = errors.New("no such scheduler")
	ErrFlag    = errors.New("flag not known to the scheduler")
)

// builtin is one scheduler that New can make.
type builtin struct {
	name  string
	flags []string // accepted
	make  func(c *Config) Scheduler
}

// numbered are the flags by number, which ip_vs keeps for every scheduler and
// which mean something to few.
var numbered = []string{"flag-1", "flag-2", "flag-3"}

var builtins = []builtin{
	{"rr", nil, func(*Config) Scheduler { return &roundRobin{} }},
	{"wrr", nil, func(*Config) Scheduler { return &weightedRoundRobin{} }},
	{"lc", nil, newLeastConn},
	{"wlc", nil, newWeightedLeastConn},
	{"sed", nil, newShortestDelay},
	{"nq", nil, newNeverQueue},
	{"lblc", nil, newLocalityLeastConn},
	{"lblcr", nil, newLocalityReplicated},
	{"dh", nil, func(*Config) Scheduler { return &destinationHash{} }},
	{"sh", []string{"sh-fallback", "sh-port"}, newSourceHash},
	{"mh", []string{"mh-fallback", "mh-port"}, newMaglev},
	{"fo", nil, func(*Config) Scheduler { return &weightedFailover{} }},
	{"ovf", nil, func(*Config) Scheduler { return &overflow{} }},
	{"twos", nil, newTwoChoices},
	// Ours, not in ip_vs.
	{"p2c", nil, newPowerOfTwo},
	{"random", nil, newWeightedRandom},
	{"rdv", nil, newRendezvous},
}

// New returns the scheduler called name, for one service, to be started by
// Init. Errors: ErrUnknown, ErrFlag.
func New(name string, c Config) (Scheduler, error) {
	i := slices.IndexFunc(builtins, func(b builtin) bool { return b.name == name })
	if i < 0 {
		return nil, fmt.Errorf("scheduler %q: %w; there are %s", name, ErrUnknown, strings.Join(Names(), ", "))
	}
	b := &builtins[i]
	for _, f := range c.Flags {
		if !slices.Contains(b.flags, f) && !slices.Contains(numbered, f) {
			return nil, fmt.Errorf("scheduler %s: %q: %w", name, f, ErrFlag)
		}
	}
	if c.Tunables == nil {
		c.Tunables = NewTunables()
	}
	return b.make(&c), nil
}

// Names returns the names that New knows.
func Names() []string {
	names := make([]string, len(builtins))
	for i, b := range builtins {
		names[i] = b.name
	}
	return names
}

// Seeded reports whether the picks of the scheduler called name follow from
// Config.Seed, so that nobody who does not know it can foretell them.
func Seeded(name string) bool {
	return slices.Contains([]string{"twos", "p2c", "random", "rdv"}, name)
}
