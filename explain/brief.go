package explain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Printer prints Records. Close prints what has to wait for the last.
type Printer interface {
	Print(*Record) error
	Close() error
}

// path is the way of a packet in short, without what is its client's own.
func path(r *Record) string {
	var steps []string
	if s := r.Service; s != nil && s.Name == "" {
		steps = append(steps, "no service")
	} else if s != nil {
		steps = append(steps, s.Name)
	}
	for _, l := range r.Lookups {
		if l.Found {
			steps = append(steps, l.Outcome)
		}
	}
	if s := r.Template; s != nil && s.Found {
		steps = append(steps, "by template")
	}
	if r.Pick != nil {
		steps = append(steps, r.Pick.Scheduler)
	}
	if s := r.State; s != nil {
		steps = append(steps, s.From+"->"+s.To)
	}
	if s := r.Server; s != nil {
		steps = append(steps, s.Addr+" "+s.Method)
	}
	if len(r.Sent) > 1 {
		steps = append(steps, fmt.Sprintf("%d frames", len(r.Sent)))
	}
	return strings.Join(append(steps, r.Reason), " | ")
}

// Brief prints a line for each Record.
type Brief struct {
	w     io.Writer
	style Style
}

// NewBrief prints to w.
func NewBrief(w io.Writer, s Style) *Brief { return &Brief{w, s} }

// Print prints one Record.
func (b *Brief) Print(r *Record) error {
	way := path(r)
	way = strings.TrimSuffix(way, r.Reason) + b.style.verdict(r.Verdict, r.Reason)
	_, err := fmt.Fprintf(b.w, "%6d +%.6f %s | %s\n", r.Number, r.Time, r.Packet.Summary, way)
	return err
}

// Close ends the printing.
func (b *Brief) Close() error { return nil }

// JSON prints each Record as an object on a line of its own.
type JSON struct{ enc *json.Encoder }

// NewJSON prints to w.
func NewJSON(w io.Writer) *JSON {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &JSON{enc}
}

// Print prints one Record.
func (j *JSON) Print(r *Record) error { return j.enc.Encode(r) }

// Close ends the printing.
func (j *JSON) Close() error { return nil }

// Group counts Records of the same path together and prints them at the end,
// the most frequent first.
type Group struct {
	w     io.Writer
	style Style
	paths map[string]*group
	all   int
}

// group is the Records of one path.
type group struct {
	Path    string `json:"path"`
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	Packets int    `json:"packets"`
	First   int    `json:"first"` // number of the first packet
}

// NewGroup prints to w.
func NewGroup(w io.Writer, s Style) *Group { return &Group{w: w, style: s, paths: map[string]*group{}} }

// Print counts one Record.
func (g *Group) Print(r *Record) error {
	g.all++
	p := path(r)
	if g.paths[p] == nil {
		g.paths[p] = &group{Path: p, Verdict: r.Verdict, Reason: r.Reason, First: r.Number}
	}
	g.paths[p].Packets++
	return nil
}

// sorted returns the groups, the largest first, of equals the one that came
// first.
func (g *Group) sorted() (all []*group) {
	for _, one := range g.paths {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.Packets, a.Packets), cmp.Compare(a.First, b.First))
	})
	return all
}

// Close prints the groups.
func (g *Group) Close() error {
	if _, err := fmt.Fprintf(g.w, "%9s %6s %9s  %s\n", "packets", "share", "first", "path"); err != nil {
		return err
	}
	for _, one := range g.sorted() {
		way := strings.TrimSuffix(one.Path, one.Reason) + g.style.verdict(one.Verdict, one.Reason)
		share := 100 * float64(one.Packets) / float64(g.all)
		if _, err := fmt.Fprintf(g.w, "%9d %5.1f%% %9d  %s\n", one.Packets, share, one.First, way); err != nil {
			return err
		}
	}
	return nil
}

// GroupJSON is Group as one JSON object.
type GroupJSON struct{ Group }

// NewGroupJSON prints to w.
func NewGroupJSON(w io.Writer) *GroupJSON { return &GroupJSON{*NewGroup(w, Style{})} }

// Close prints the groups.
func (g *GroupJSON) Close() error {
	enc := json.NewEncoder(g.w)
	enc.SetEscapeHTML(false)
	return enc.Encode(struct {
		Version int      `json:"version"`
		Packets int      `json:"packets"`
		Groups  []*group `json:"groups"`
	}{Version, g.all, g.sorted()})
}
