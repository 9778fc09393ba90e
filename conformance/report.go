package conformance

import (
	"fmt"
	"io/fs"
)

// Report sums up the recordings of a directory.
type Report struct {
	Groups      []Group      `json:"groups"`
	Total       Group        `json:"total"`
	Deviations  []Listed     `json:"deviations"`
	NotYet      []Listed     `json:"notYet"`
	Differences []Difference `json:"differences"` // with their excuses
}

// Group sums up the scenarios of one group. Steps = Agreed + NotYet +
// Deviating + those that differ.
type Group struct {
	Name      string      `json:"name"`
	Scenarios int         `json:"scenarios"`
	Steps     int         `json:"steps"`
	Agreed    int         `json:"agreed"`
	NotYet    int         `json:"notYet"`
	Deviating int         `json:"deviating"`
	First     *Difference `json:"first,omitempty"` // that is not on a list
}

// Listed is an entry of the lists of exceptions that was met.
type Listed struct {
	Where  string `json:"where"` // group/scenario
	Steps  []int  `json:"steps"`
	Name   string `json:"name,omitempty"` // of a deviation
	Reason string `json:"reason"`
}

// Failed reports whether anything differs that is not on a list.
func (r *Report) Failed() bool {
	return r.Total.Steps != r.Total.Agreed+r.Total.NotYet+r.Total.Deviating
}

// Replay runs every recording in fsys.
func Replay(fsys fs.FS) (*Report, error) {
	all, err := Load(fsys)
	if err != nil {
		return nil, err
	}
	r := &Report{Total: Group{Name: "all"}}
	for _, s := range all {
		r.add(Run(s))
	}
	return r, nil
}

// add adds the result of one scenario.
func (r *Report) add(s Result) {
	if n := len(r.Groups); n == 0 || r.Groups[n-1].Name != s.Group {
		r.Groups = append(r.Groups, Group{Name: s.Group})
	}
	r.Groups[len(r.Groups)-1].add(&s)
	r.Total.add(&s)
	r.Differences = append(r.Differences, s.Differences...)
	for i := range s.Differences {
		r.list(&s.Differences[i])
	}
}

func (g *Group) add(s *Result) {
	g.Scenarios++
	g.Steps += s.Steps
	g.Agreed += s.Agreed
	g.NotYet += s.NotYet
	g.Deviating += s.Deviating
	if g.First == nil {
		g.First = s.firstFailure()
	}
}

// list enters an excused difference into the list that excuses it.
func (r *Report) list(d *Difference) {
	list, name := &r.Deviations, d.Excuse
	switch {
	case d.Excuse == "":
		return
	case d.notYet:
		list, name = &r.NotYet, ""
	}
	where := d.Group + "/" + d.Scenario
	n := len(*list)
	if n == 0 || (*list)[n-1].Where != where || (*list)[n-1].Name != d.Excuse && (*list)[n-1].Reason != d.Excuse {
		*list = append(*list, Listed{Where: where, Name: name, Reason: reasonOf(d)})
		n++
	}
	l := &(*list)[n-1]
	if k := len(l.Steps); k == 0 || l.Steps[k-1] != d.Step {
		l.Steps = append(l.Steps, d.Step)
	}
}

// reasonOf finds the reason of a deviation; that of a "not yet" is its excuse.
func reasonOf(d *Difference) string {
	for i := range deviations {
		if deviations[i].name == d.Excuse && deviations[i].matches(d) {
			return deviations[i].reason
		}
	}
	return d.Excuse
}

// String words a difference in one line.
func (d *Difference) String() string {
	return fmt.Sprintf("%s/%s step %d, %s: %s: expected %s, got %s", d.Group, d.Scenario, d.Step, d.Event, d.Aspect, d.Expected, d.Got)
}
