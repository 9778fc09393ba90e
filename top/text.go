package top

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// unknown stands for a value that cannot be told.
const unknown = "-"

// short writes a number in at most five characters: "0", "7.3", "412", "1234",
// "56.7k", "1.2M". NaN is unknown.
func short(v float64) string {
	if math.IsNaN(v) {
		return unknown
	}
	switch {
	case v == 0:
		return "0"
	case v < 0.05:
		return "<0.1"
	case v < 9.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v < 9999.5:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	for _, unit := range "kMGTPE" {
		if v /= 1000; v < 99.95 {
			return strconv.FormatFloat(v, 'f', 1, 64) + string(unit)
		} else if v < 999.5 {
			return strconv.FormatFloat(v, 'f', 0, 64) + string(unit)
		}
	}
	return "huge"
}

// count is short of a whole number: no decimals below 10000.
func count(n uint64) string {
	if n < 10000 {
		return strconv.FormatUint(n, 10)
	}
	return short(float64(n))
}

// grouped writes a whole number with its thousands apart: 1,234,567.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// percent writes a part of 1 as "33%"; NaN is unknown.
func percent(v float64) string {
	if math.IsNaN(v) {
		return unknown
	}
	return strconv.FormatFloat(100*v, 'f', 0, 64) + "%"
}

// Clean makes any text safe for a terminal and as wide as it is long: what is
// not printable ASCII becomes "?".
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// fit pads or cuts s, which is clean, to exactly n columns. Of a text that is
// cut the end stays, too: in an address it tells more than the middle.
func fit(s string, n int) string {
	switch {
	case n <= 0:
		return ""
	case len(s) <= n:
		return s + strings.Repeat(" ", n-len(s))
	case n < 8:
		return s[:n-1] + "~"
	}
	tail := (n - 2) / 2
	return s[:n-2-tail] + ".." + s[len(s)-tail:]
}

// right pads s on the left to n columns, and cuts it if it is longer.
func right(s string, n int) string {
	if len(s) < n {
		return strings.Repeat(" ", n-len(s)) + s
	}
	return s[:n]
}

// cut is fit that leaves out what is too much at the end and pads nothing.
func cut(s string, n int) string {
	switch {
	case len(s) <= n:
		return s
	case n < 3:
		return s[:max(n, 0)]
	}
	return s[:n-2] + ".."
}

// pad makes s n columns wide at least.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(n-len(s), 0))
}
