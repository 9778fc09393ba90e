package sched

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"ulvs/wire"
)

// Flow is what a scheduler may look at of the packet that opens a connection.
type Flow struct {
	Client, Virtual         wire.Addr
	ClientPort, VirtualPort uint16
	Proto                   uint8
}

// Scheduler picks the real servers of one virtual service. It keeps the list it
// was last given, which nobody changes afterwards. Lists are in the kernel's
// order: a new server is put at the head.
//
// A scheduler that wants to hear of every change of a count will say so by an
// optional interface beside this one.
type Scheduler interface {
	// Name returns the name that ipvsadm -s takes.
	Name() string
	// Init starts afresh with list: at the service's creation and when the
	// service is edited to use this scheduler.
	Init(list []*Server)
	// Added tells that s is new in list.
	Added(list []*Server, s *Server)
	// Edited tells that the weight or thresholds of s may have changed.
	Edited(list []*Server, s *Server)
	// Removed tells that s, which was at index at, is no longer in list.
	Removed(list []*Server, s *Server, at int)
	// Pick returns the server for a new connection, nil if none is usable. It
	// allocates nothing. The caller counts the connection by Server.Bind
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
	make  func(flags []string) Scheduler
}

// numbered are the flags by number, which ip_vs keeps for every scheduler and
// which mean something to few.
var numbered = []string{"flag-1", "flag-2", "flag-3"}

var builtins = []builtin{
	{"rr", nil, func([]string) Scheduler { return &roundRobin{} }},
	{"wrr", nil, func([]string) Scheduler { return &weightedRoundRobin{} }},
	{"lc", nil, func([]string) Scheduler { return &leastConn{} }},
	{"wlc", nil, func([]string) Scheduler { return &weightedLeastConn{} }},
}

// New returns the scheduler called name with the given flags, for one service,
// to be started by Init. Errors: ErrUnknown, ErrFlag.
func New(name string, flags []string) (Scheduler, error) {
	i := slices.IndexFunc(builtins, func(b builtin) bool { return b.name == name })
	if i < 0 {
		return nil, fmt.Errorf("scheduler %q: %w; there are %s", name, ErrUnknown, strings.Join(Names(), ", "))
	}
	b := &builtins[i]
	for _, f := range flags {
		if !slices.Contains(b.flags, f) && !slices.Contains(numbered, f) {
			return nil, fmt.Errorf("scheduler %s: %q: %w", name, f, ErrFlag)
		}
	}
	return b.make(flags), nil
}

// Names returns the names that New knows.
func Names() []string {
	names := make([]string, len(builtins))
	for i, b := range builtins {
		names[i] = b.name
	}
	return names
}
