package sched

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Explainer is implemented by every scheduler of this package: it says how a
// pick comes about. It is for people; it may allocate and walk.
type Explainer interface {
	// Explain says what Pick would do for f now, and why. It changes nothing
	// that a later Pick goes by. It is serialised with every other call, as Pick
	// is. Counts may change meanwhile, and before the Pick: where they do not bear
	// out the choice any more, Why says so.
	Explain(f *Flow) Explanation
}

// Explanation is a scheduler's view of its servers at the moment of a pick.
type Explanation struct {
	// Rule is the scheduler's rule, one sentence.
	Rule string
	// Formula is what is computed for each server, "" if the scheduler does not
	// compare servers by a number.
	Formula string
	// Facts are what the scheduler goes by beside the servers, in the order in
	// which it uses them: where its pointer stands, a hash and its slot, the
	// server a destination has.
	Facts []Fact
	// Candidates are the servers in the order of the list.
	Candidates []Candidate
	// Chosen is the index of the server in Candidates, -1 if none is usable.
	Chosen int
	// Why says in a few words what decided: "least of all", "first of 3 with the
	// least", "next after the pointer".
	Why string
}

// Fact is one thing that a scheduler knows, named.
type Fact struct{ Name, Value string }

// Candidate is one server as a scheduler sees it.
type Candidate struct {
	Server           *Server
	Weight           int32
	Active, Inactive int32
	// Excluded says why it cannot be picked, "" if it can: "weight 0",
	// "overloaded".
	Excluded string
	// Term is the formula with the server's numbers, "(3+1)/2"; "" if nothing is
	// computed for it.
	Term string
	// Value is what Term comes to, rounded; meaningless without a Term. Whoever
	// checks a choice recomputes it from the numbers instead.
	Value float64
}

// newExplanation describes the servers of list as they are now.
func newExplanation(rule string, list []*Server) *Explanation {
	e := &Explanation{Rule: rule, Candidates: make([]Candidate, len(list)), Chosen: -1, Why: "no server is usable"}
	for i, s := range list {
		e.Candidates[i] = Candidate{
			Server: s, Weight: s.Weight.Load(), Active: s.Active.Load(), Inactive: s.Inactive.Load(),
		}
		e.Candidates[i].Excluded = excluded(s, e.Candidates[i].Weight)
	}
	return e
}

// excluded says why s may not get a new connection, "" if it may.
func excluded(s *Server, weight int32) string {
	switch {
	case s.Deleted.Load():
		return "deleted"
	case weight <= 0:
		return fmt.Sprintf("weight %d", weight)
	case s.Overloaded.Load():
		return "overloaded"
	}
	return ""
}

// fact adds a fact.
func (e *Explanation) fact(name, format string, args ...any) {
	e.Facts = append(e.Facts, Fact{name, fmt.Sprintf(format, args...)})
}

// choose notes the server that is picked, nil if there is none. Whatever was
// read of it before or after, it could be picked.
func (e *Explanation) choose(s *Server, why string) {
	i := slices.IndexFunc(e.Candidates, func(c Candidate) bool { return c.Server == s })
	if i < 0 {
		return
	}
	e.Chosen, e.Why = i, why
	e.Candidates[i].Excluded = ""
}

// leave excludes all candidates that keep refuses and nothing else excludes.
func (e *Explanation) leave(why string, keep func(*Candidate) bool) {
	for i := range e.Candidates {
		if c := &e.Candidates[i]; c.Excluded == "" && !keep(c) {
			c.Excluded = why
		}
	}
}

// snapshot returns a server with the candidate's numbers, for the rules, which
// are written for servers.
func (c *Candidate) snapshot() *Server {
	s := new(Server)
	s.Weight.v.Store(c.Weight)
	s.Active.v.Store(c.Active)
	s.Inactive.v.Store(c.Inactive)
	return s
}

// ending names s by its address and port.
func ending(s *Server) string { return netip.AddrPortFrom(s.Addr.Netip(), s.Port).String() }

// standing is ending, and why s may not get a new connection, if so.
func standing(s *Server) string {
	if why := excluded(s, s.Weight.Load()); why != "" {
		return ending(s) + " (" + why + ")"
	}
	return ending(s)
}

// someNames is how many servers a fact names.
const someNames = 8

// listing joins the first of texts.
func listing(texts []string) string {
	if n := len(texts) - someNames; n > 0 {
		return strings.Join(texts[:someNames], ", ") + " and " + strconv.Itoa(n) + " more"
	}
	return strings.Join(texts, ", ")
}
