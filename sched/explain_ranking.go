package sched

import (
	"fmt"
	"slices"
)

// formula is what servers are compared by: in words, with the numbers of a
// candidate, and as the rule that picks.
type formula struct {
	text  string
	term  func(c *Candidate) string
	score func(*Server) (load, weight uint64)
}

var (
	formulaLC = formula{"256*active + inactive", func(c *Candidate) string {
		return fmt.Sprintf("256*%d+%d", c.Active, c.Inactive)
	}, scoreLC}
	formulaWLC = formula{"(256*active + inactive) / weight", func(c *Candidate) string {
		return fmt.Sprintf("(256*%d+%d)/%d", c.Active, c.Inactive, c.Weight)
	}, scoreWLC}
	formulaSED = formula{"(active + 1) / weight", func(c *Candidate) string {
		return fmt.Sprintf("(%d+1)/%d", c.Active, c.Weight)
	}, scoreSED}
	formulaNQ = formula{"0 if active = 0, else (active + 1) / weight", func(c *Candidate) string {
		if c.Active <= 0 {
			return "0"
		}
		return formulaSED.term(c)
	}, scoreNQ}
)

// list returns the servers as the list has them: newest first.
func (r *ranking) list() []*Server {
	list := make([]*Server, 0, r.live)
	for _, w := range slices.Backward(r.places) {
		if w != nil {
			list = append(list, w.server)
		}
	}
	return list
}

// explain is the Explain of a scheduler that is a ranking and nothing else.
func (r *ranking) explain(rule string, f *formula) Explanation {
	s := r.least()
	e := newExplanation(rule, r.list())
	e.compare(f)
	e.choose(s, e.least(s, f, "in the list"))
	return *e
}

// compare fills in the formula for all that can be picked.
func (e *Explanation) compare(f *formula) {
	e.Formula = f.text
	for i := range e.Candidates {
		if c := &e.Candidates[i]; c.Excluded == "" {
			load, weight := f.score(c.snapshot())
			c.Term, c.Value = f.term(c), float64(load)/float64(weight)
		}
	}
}

// score returns what the formula is made of for s, with its numbers here.
func (e *Explanation) score(s *Server, f *formula) (load, weight uint64) {
	for i := range e.Candidates {
		if c := &e.Candidates[i]; c.Server == s {
			return f.score(c.snapshot())
		}
	}
	return 0, 0
}

// changedSince is said where the counts, which may change at any time, do not
// bear out the choice any more.
const changedSince = "the counts have changed since"

// least says how s, which may be nil, is the least of the candidates that can
// be picked, and by what order it is the first of equals.
func (e *Explanation) least(s *Server, f *formula, order string) string {
	load, weight := e.score(s, f)
	if weight == 0 {
		return "least of all a moment ago; " + changedSince
	}
	equal, usable := 0, 0
	for i := range e.Candidates {
		c := &e.Candidates[i]
		if c.Excluded != "" {
			continue
		}
		usable++
		l, w := f.score(c.snapshot())
		switch {
		case productLess(l, weight, load, w):
			return "least of all a moment ago; " + changedSince
		case !productLess(load, w, l, weight):
			equal++
		}
	}
	value := float64(load) / float64(weight)
	switch {
	case usable == 1:
		return "the only one that can be picked"
	case equal > 1:
		return fmt.Sprintf("first %s of %d with the least, %.3f", order, equal, value)
	}
	return fmt.Sprintf("least of all, %.3f", value)
}
