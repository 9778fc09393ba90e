// Package ipvsadm is the face of ulvs that LVS users know by heart: the
// command line of ipvsadm 1.31, its listings, its error texts and its exit
// codes, byte for byte. It turns arguments into requests (Parse), state into
// text (the functions named print...), and ties the two together over an Env
// (Run).
//
// It never opens a file or a socket and never resolves a name by itself: all
// that is the Env's. Nothing in it is shared, so calls may run concurrently if
// their Envs allow it.
//
// What the real tool does was recorded; the recordings are in testdata. Where
// a rule looks odd (the port that -r takes from a later -t, sums that wrap
// around in the order of addresses), it is because it was seen there.
package ipvsadm

import (
	"net/netip"

	"ulvs/control/api"
	"ulvs/service"
)

// Names translates hosts and ports between names and numbers.
type Names interface {
	// HostName returns the name of a host, "" if it has none.
	HostName(netip.Addr) string
	// HostAddr returns the IPv4 address of a host; ipvsadm takes IPv6 hosts by
	// number only.
	HostAddr(host string) (netip.Addr, bool)
	// PortName returns the service name of a port, "" if it has none.
	PortName(port uint16, proto service.Protocol) string
	// Port returns the port of a service name.
	Port(name string, proto service.Protocol) (uint16, bool)
}

// Batcher is an Env that makes many changes faster than one by one.
type Batcher interface {
	// ApplyAll makes changes one after the other, as Apply does, going on after
	// those that fail. It returns an error or nil for each.
	ApplyAll([]service.Change) []error
}

// Env is what a command acts on and asks. Errors with a code of package api
// become the text that ipvsadm has for them.
type Env interface {
	Names
	// Apply makes one change of the configuration.
	Apply(service.Change) error
	// State returns the configuration and its counters.
	State() (*api.State, error)
	// Connections calls yield for each connection until that fails.
	Connections(yield func(api.Connection) error) error
	// Timeouts returns the timeouts in force.
	Timeouts() (*api.Timeouts, error)
	// SetTimeouts changes those that are not 0.
	SetTimeouts(api.Timeouts) error
	// Zero resets the counters of one service, or all if key is nil.
	Zero(key *service.Key) error
}
