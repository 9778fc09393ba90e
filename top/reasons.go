package top

import (
	"cmp"
	"slices"
	"time"

	"ulvs/control/api"
)

// Reason is one name of what became of packets, with its texts.
type Reason struct {
	api.ReasonText
	Count uint64   `json:"count"`
	Rate  *float64 `json:"rate,omitempty"` // per second between two looks; nil if there was only one
}

// Bad reports whether packets were dropped or lost by it.
func (r *Reason) Bad() bool { return r.Verdict == droppedVerdict || r.Verdict == api.Lost }

// droppedVerdict is that of dataplane.Dropped.
const droppedVerdict = "dropped"

// Reasons explains the counts of now, with the rates since before, took ago; nil
// before gives none. A count that has gone down is of another daemon and has
// none either. The busiest come first: by rate, count, name. With all, names
// that count nothing are there too.
func Reasons(before, now api.Reasons, took time.Duration, all bool) []Reason {
	var list []Reason
	known := map[string]bool{}
	add := func(text api.ReasonText) {
		known[text.Name] = true
		if n := now[text.Name]; n > 0 || all {
			list = append(list, Reason{ReasonText: text, Count: n, Rate: rateOf(before, text.Name, n, took)})
		}
	}
	for _, text := range api.ReasonTexts() {
		add(text)
	}
	for name := range now { // of a daemon newer than we are
		if !known[name] {
			add(api.ReasonText{Name: name})
		}
	}
	slices.SortFunc(list, busiest)
	return list
}

func rateOf(before api.Reasons, name string, n uint64, took time.Duration) *float64 {
	if before == nil || n < before[name] || took <= 0 {
		return nil
	}
	rate := float64(n-before[name]) / took.Seconds()
	return &rate
}

func busiest(a, b Reason) int {
	return cmp.Or(cmp.Compare(value(b.Rate), value(a.Rate)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
}

func value(rate *float64) float64 {
	if rate == nil {
		return 0
	}
	return *rate
}

// topReasons are the first n of a list, with the busiest that is Bad in the last
// place if none of those before is: what is lost must not hide behind what goes
// well.
func topReasons(list []Reason, n int) []Reason {
	if len(list) <= n || n == 0 {
		return list[:min(n, len(list))]
	}
	some := slices.Clone(list[:n])
	if !slices.ContainsFunc(some, func(r Reason) bool { return r.Bad() }) {
		if i := slices.IndexFunc(list, func(r Reason) bool { return r.Bad() }); i >= 0 {
			some[n-1] = list[i]
		}
	}
	return some
}
