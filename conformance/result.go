package conformance

// Aspect says what of a step differs.
type Aspect string

// The aspects of a step.
const (
	setUp       Aspect = "set-up"
	packets     Aspect = "packet"
	counts      Aspect = "counts"
	connections Aspect = "connections"
	states      Aspect = "state"
	commands    Aspect = "command"
)

// Difference is one thing that ulvs did otherwise than was recorded.
type Difference struct {
	Group    string `json:"group"`
	Scenario string `json:"scenario"`
	Step     int    `json:"step"` // 0: the set-up
	Event    string `json:"event"`
	Aspect   Aspect `json:"aspect"`
	Expected string `json:"expected"`
	Got      string `json:"got"`
	// Excuse is the name of the deviation or the reason of the "not yet" that
	// covers it; empty for a failure.
	Excuse string `json:"excuse,omitempty"`

	notYet bool
}

// Result is the outcome of one scenario.
type Result struct {
	Group, Name                      string
	Steps, Agreed, NotYet, Deviating int
	Differences                      []Difference
}

// add counts one step with its differences.
func (r *Result) add(diffs []Difference) {
	excused, notYet := true, false
	for i := range diffs {
		excuse(&diffs[i])
		excused = excused && diffs[i].Excuse != ""
		notYet = notYet || diffs[i].notYet
	}
	switch {
	case len(diffs) == 0:
		r.Agreed++
	case excused && notYet:
		r.NotYet++
	case excused:
		r.Deviating++
	}
	r.Differences = append(r.Differences, diffs...)
}

// lost counts a scenario that could not be set up: no step of it agrees.
func (r *Result) lost(diffs []Difference) {
	r.add(diffs)
	if r.NotYet > 0 {
		r.NotYet = r.Steps
	}
}

// judge makes a scenario that is not there yet count as a whole: that some of
// its packets are dropped as recorded says nothing.
func (r *Result) judge() {
	if wholly(r.Group, r.Name) && r.Agreed < r.Steps {
		r.NotYet, r.Agreed, r.Deviating = r.Steps, 0, 0
		for i := range r.Differences {
			excuse(&r.Differences[i])
		}
	}
}

// firstFailure returns the first difference that is not on a list, else nil.
func (r *Result) firstFailure() *Difference {
	for i := range r.Differences {
		if r.Differences[i].Excuse == "" {
			return &r.Differences[i]
		}
	}
	return nil
}
