package sched

// Explainer is implemented by every scheduler of this package: it says how a
// pick comes about. It is for people; it may allocate and walk.
type Explainer interface {
	// Explain says what Pick would do for f now, and why. It changes nothing
	// that a later Pick goes by. It is serialised with every other call, as Pick
	// is.
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
