package sched

import (
	"sync/atomic"

	"ulvs/wire"
)

// Server is the live side of one real server: what schedulers see and what
// connections count in. It fills one cache line, since packets of every worker
// write it. Make it with NewServer; it must not be copied.
//
// Anyone may read its counts and flags. They change by its methods only, which
// tell the scheduler.
type Server struct {
	Addr wire.Addr // for the schedulers that hash
	Port uint16
	ID   uint32 // the owner's number for it; schedulers do not look at it

	Weight     Number
	Active     Number // connections in a TCP state that counts as active
	Inactive   Number // all other connections
	Persistent Number // templates; not part of Total

	upper, lower atomic.Uint32 // thresholds in connections; 0 none

	// Overloaded means closed by the upper threshold and not yet reopened by
	// the lower one.
	Overloaded Flag
	// Deleted means not in the configuration any more; connections may still
	// refer to it, and it may come back.
	Deleted Flag

	watch atomic.Pointer[watched] // who wants to know of changes; nil nobody
}

// Number is a count that all may read and only its Server changes.
type Number struct{ v atomic.Int32 }

// Load returns the count as it is now.
func (n *Number) Load() int32 { return n.v.Load() }

// Flag is a mark that all may read and only its Server changes.
type Flag struct{ v atomic.Bool }

// Load reports whether the mark is set now.
func (f *Flag) Load() bool { return f.v.Load() }

// NewServer returns a server without connections.
func NewServer(addr wire.Addr, port uint16, weight int32) *Server {
	s := &Server{Addr: addr, Port: port}
	s.Weight.v.Store(weight)
	return s
}

// SetWeight sets the weight, not negative.
func (s *Server) SetWeight(weight int32) {
	s.Weight.v.Store(weight)
	s.changed()
}

// SetDeleted says whether s is out of the configuration.
func (s *Server) SetDeleted(deleted bool) {
	s.Deleted.v.Store(deleted)
	s.changed()
}

// SetOverloaded closes or opens s whatever its thresholds say, until they say
// something. It is for tests: Bind, Unbind and SetThresholds do it by the rules.
func (s *Server) SetOverloaded(overloaded bool) {
	s.Overloaded.v.Store(overloaded)
	s.changed()
}

// SetCounts replaces the numbers of connections, without a look at the
// thresholds. It is for tests, and to begin with another's counts: connections
// count by Bind and its kin.
func (s *Server) SetCounts(active, inactive int32) {
	s.Active.v.Store(active)
	s.Inactive.v.Store(inactive)
	s.changed()
}

// Usable reports whether s may get a new connection: weight 0 quiesces, the
// upper threshold closes.
func (s *Server) Usable() bool {
	return s.Weight.Load() > 0 && !s.Overloaded.Load() && !s.Deleted.Load()
}

// Total returns the number of connections, active and inactive.
func (s *Server) Total() int { return int(s.Active.Load()) + int(s.Inactive.Load()) }

// SetThresholds sets the number of connections at which s closes and the one
// below which it opens again, 0 for none. As in the kernel a raised or removed
// upper threshold opens it at once, while a lowered one closes it with its
// next connection only (kernel ip_vs_ctl.c, __ip_vs_update_dest).
func (s *Server) SetThresholds(upper, lower uint32) {
	old := s.upper.Swap(upper)
	s.lower.Store(lower)
	if upper == 0 || upper > old {
		s.Overloaded.v.Store(false)
	}
	s.changed()
}

// Bind counts a new connection, which is inactive until Activate, and closes s
// if its upper threshold is reached (kernel ip_vs_conn.c, ip_vs_bind_dest).
func (s *Server) Bind() {
	s.Inactive.v.Add(1)
	s.closeIfFull()
	s.changed()
}

// BindActive is Bind and Activate at once.
func (s *Server) BindActive() {
	s.Active.v.Add(1)
	s.closeIfFull()
	s.changed()
}

// Unbind takes back a connection that is gone. It opens s when the total falls
// below the lower threshold; without one, below three quarters of the upper
// one (kernel ip_vs_conn.c, ip_vs_unbind_dest).
func (s *Server) Unbind(active bool) {
	if active {
		s.Active.v.Add(-1)
	} else {
		s.Inactive.v.Add(-1)
	}
	s.openIfBelow()
	s.changed()
}

// BindTemplate counts a new persistence template. Like any bind it may close s,
// by its connections only.
func (s *Server) BindTemplate() {
	s.Persistent.v.Add(1)
	s.closeIfFull()
	s.changed()
}

// UnbindTemplate takes back a template that is gone.
func (s *Server) UnbindTemplate() {
	s.Persistent.v.Add(-1)
	s.openIfBelow()
	s.changed()
}

// Activate moves one connection from the inactive to the active ones.
func (s *Server) Activate() {
	s.Inactive.v.Add(-1)
	s.Active.v.Add(1)
	s.changed()
}

// Deactivate moves one connection from the active to the inactive ones.
func (s *Server) Deactivate() {
	s.Active.v.Add(-1)
	s.Inactive.v.Add(1)
	s.changed()
}

// closeIfFull and openIfBelow run without a common lock. Each looks at the
// count again after it set the flag: the later of two that cross sees the
// other's count, so a server never stays closed with no connection left to
// open it.
func (s *Server) closeIfFull() {
	if s.full() {
		s.Overloaded.v.Store(true)
		if s.below() {
			s.Overloaded.v.Store(false)
		}
	}
}

func (s *Server) openIfBelow() {
	if s.Overloaded.Load() && s.below() {
		s.Overloaded.v.Store(false)
		if s.full() {
			s.Overloaded.v.Store(true)
		}
	}
}

func (s *Server) full() bool {
	upper := int(s.upper.Load())
	return upper != 0 && s.Total() >= upper
}

func (s *Server) below() bool {
	upper, lower, total := int(s.upper.Load()), int(s.lower.Load()), s.Total()
	switch {
	case lower != 0:
		return total < lower
	case upper != 0:
		return 4*total < 3*upper
	}
	return true
}
