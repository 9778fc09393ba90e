package sysctl

import (
	"fmt"
	"slices"
	"strings"
)

// find returns the row of a name in any of its spellings.
func find(name string) (*row, error) {
	short := Short(name)
	for i := range rows {
		if rows[i].Name == short {
			return &rows[i], nil
		}
	}
	hint := ""
	if near := similar(short); len(near) > 0 {
		hint = "; did you mean " + strings.Join(near, ", ") + "?"
	}
	return nil, fmt.Errorf("%q: %w%s", name, ErrUnknown, hint)
}

// Short returns a name without what sysctl writes before it.
func Short(name string) string {
	for _, prefix := range []string{"net.ipv4.vs.", "net/ipv4/vs/", "/proc/sys/net/ipv4/vs/"} {
		if s, ok := strings.CutPrefix(name, prefix); ok {
			return s
		}
	}
	return name
}

// maxHints is the most names an error suggests.
const maxHints = 3

// similar returns the names that name may have been meant to be, the nearest
// first.
func similar(name string) (near []string) {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	for i := range rows {
		if resembles(name, rows[i].Name) {
			near = append(near, rows[i].Name)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return distance(name, a) - distance(name, b) })
	return near[:min(len(near), maxHints)]
}

// resembles: a third of the letters differ at most, or one is part of the
// other.
func resembles(a, b string) bool {
	const least = 4 // letters of a part that says something
	if len(a) >= least && strings.Contains(b, a) {
		return true
	}
	return distance(a, b) <= max(1, min(len(a), len(b))/3)
}

// distance is the number of letters to put in, take out or replace (V. I.
// Levenshtein, 1966).
func distance(a, b string) int {
	line := make([]int, len(b)+1)
	for j := range line {
		line[j] = j
	}
	for i := range len(a) {
		diagonal := line[0]
		line[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = line[j+1]
			line[j+1] = min(cost, diagonal+1, line[j]+1)
		}
	}
	return line[len(b)]
}
