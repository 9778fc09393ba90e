package bench

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"strings"
	"unicode"
)

// WriteGoBench prints the report in the Go benchmark data format
// (golang.org/design/14313-benchmark-format), for benchstat: a line for each
// measurement, named by experiment, contestant and placement.
func (r *Report) WriteGoBench(out io.Writer) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "goos: %s\ngoarch: %s\npkg: ulvs/bench\ncpu: %s\n", runtime.GOOS, runtime.GOARCH, r.Machine.CPU)
	fmt.Fprintf(w, "kernel: %s\ngo: %s\ncommit: %s\ndate: %s\ncommand: %s\n\n",
		r.Machine.Kernel, r.Machine.Go, r.Commit, r.Date.Format("2006-01-02T15:04:05Z"), r.Command)
	for i := range r.Results {
		x := &r.Results[i]
		for _, row := range x.Rows {
			for _, s := range row.Samples {
				fmt.Fprintf(w, "Benchmark%s/%s/%s 1%s\n", camel(x.Name), hyphens(row.Name), hyphens(row.Placement), x.figures(s))
			}
		}
	}
	return w.Flush()
}

// figures are the values of a sample with their units.
func (r *Result) figures(s Sample) string {
	var b strings.Builder
	for _, m := range r.Metrics {
		if v, ok := s[m.Unit]; ok {
			fmt.Fprintf(&b, "\t%.6g %s", v, m.Unit)
		}
	}
	return b.String()
}

// camel makes "small-packets" SmallPackets.
func camel(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// hyphens makes a name one word without the hyphens and slashes that have a
// meaning there.
func hyphens(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '+' && r != '.' })
	return strings.Join(words, "_")
}
