// Package control carries the daemon's API: HTTP and JSON on a unix socket,
// one per network namespace. It owns the namespace's lock, the socket's place,
// the check of who may speak, the routes, the client, and the start of a daemon
// in the background. It never decides what a change means (Backend does) and
// never sees a packet. A Server serves requests concurrently; a Client may be
// used from several goroutines.
package control

import (
	"context"

	"ulvs/control/api"
	"ulvs/service"
	"ulvs/sysctl"
)

// Backend is the daemon as the API sees it. Its methods are called from
// several goroutines at a time. Errors keep their meaning for the client if
// they are, or wrap, an *api.Error or an error of package service.
type Backend interface {
	// Apply makes one change of the configuration, wholly or not at all.
	Apply(service.Change) error
	// ApplyAll makes changes one after the other, as Apply does, going on after
	// those that fail. It returns an error or nil for each.
	ApplyAll([]service.Change) []error
	// State returns the configuration with all counters.
	State() api.State
	// Connections calls yield for each connection until it returns false. No
	// lock may be held across yield: the reader can be slow.
	Connections(yield func(api.Connection) bool)
	// Timeouts returns the timeouts in force.
	Timeouts() api.Timeouts
	// SetTimeouts changes those that are not 0.
	SetTimeouts(api.Timeouts) error
	// Settings returns the settings in force.
	Settings() sysctl.Settings
	// SetSettings makes all assignments or none.
	SetSettings([]sysctl.Assignment) error
	// Zero resets the counters of the service named, of everything if key is nil.
	Zero(key *service.Key) error
	// Marks returns the rules that give packets firewall marks.
	Marks() []service.MarkRule
	// SetMarks replaces the rules that give packets firewall marks.
	SetMarks(api.SetMarks) error
	// Info describes the daemon.
	Info() api.Info
	// Reasons returns the packet counts by reason.
	Reasons() api.Reasons
	// Trace calls yield with the lines of a trace until it has ended, ctx is done
	// or yield fails. An error before the first line is the answer.
	Trace(ctx context.Context, q api.TraceRequest, yield func(api.TraceLine) error) error
}
