package sim

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// maxRows bounds a trace, which is kept in memory: 24 bytes a row.
const maxRows = 50_000_000

// Columns of a trace.
const (
	columnTime        = "time"        // seconds since any start, not decreasing
	columnWork        = "work"        // seconds at a server of speed 1; without it the scenario's service
	columnClient      = "client"      // any text
	columnDestination = "destination" // any text
)

// loadTrace reads the arrivals of a scenario.
func (s *Scenario) loadTrace(path string, open opener) error {
	f, err := open(path)
	if err != nil {
		return &Error{s.File, s.lines["arrivals.file"], "arrivals.file", reason(err)}
	}
	defer f.Close()
	if s.Arrivals.Kind == "capture" {
		s.trace, err = readCapture(path, f)
	} else {
		s.trace, err = readTrace(path, f)
	}
	switch {
	case err != nil:
		return err
	case s.trace[0].work < 0 && s.Service.Kind == "":
		return &Error{s.File, 1, "service", "is missing: " + path + " has no column work"}
	}
	return nil
}

// readTrace reads a trace in CSV. The first line names the columns: time, and
// perhaps work, client and destination, in any order. name is for errors, which
// are an *Error.
func readTrace(name string, r io.Reader) ([]arrival, error) {
	t := tracer{file: name, csv: csv.NewReader(r), numbers: map[string]map[string]int32{columnClient: {}, columnDestination: {}}}
	t.csv.ReuseRecord = true
	if err := t.head(); err != nil {
		return nil, err
	}
	for {
		a, err := t.row()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if t.all = append(t.all, a); len(t.all) > maxRows {
			return nil, &Error{File: name, Problem: fmt.Sprintf("over %d rows", maxRows)}
		}
	}
	if len(t.all) == 0 {
		return nil, &Error{name, 2, "", "no row"}
	}
	return t.all, nil
}

// tracer reads one CSV file.
type tracer struct {
	file    string
	csv     *csv.Reader
	columns []string
	numbers map[string]map[string]int32 // of clients and destinations, by text
	all     []arrival
	first   float64 // time of the first row
}

func (t *tracer) head() error {
	names, err := t.csv.Read()
	if err != nil {
		return t.broken(err)
	}
	t.columns = slices.Clone(names)
	for i, c := range t.columns {
		if !slices.Contains([]string{columnTime, columnWork, columnClient, columnDestination}, c) || slices.Contains(t.columns[:i], c) {
			return &Error{t.file, 1, plain(c), "no such column, or there twice; there are time, work, client, destination"}
		}
	}
	if !slices.Contains(t.columns, columnTime) {
		return &Error{t.file, 1, columnTime, "is missing: seconds of each arrival"}
	}
	return nil
}

// broken is an error of the CSV reader; io.EOF stays.
func (t *tracer) broken(err error) error {
	var p *csv.ParseError
	switch {
	case errors.Is(err, io.EOF) && t.columns == nil:
		return &Error{t.file, 1, "", "empty: the first line names the columns time, work, client, destination"}
	case errors.As(err, &p):
		return &Error{t.file, p.Line, "", "not CSV: " + p.Err.Error()}
	}
	return err
}

func (t *tracer) row() (arrival, error) {
	fields, err := t.csv.Read()
	if err != nil {
		return arrival{}, t.broken(err)
	}
	line, _ := t.csv.FieldPos(0)
	a := arrival{work: -1, client: -1, destination: -1}
	for i, c := range t.columns {
		switch text := strings.TrimSpace(fields[i]); c {
		case columnTime, columnWork:
			v, err := strconv.ParseFloat(text, 64)
			if err != nil || !keeps(v, "notnegative") {
				return a, &Error{t.file, line, c, fmt.Sprintf("%.60q is not a number of seconds of 0 or more", text)}
			}
			if c == columnTime {
				a.at = v
			} else {
				a.work = v
			}
		case columnClient:
			a.client = t.number(c, text)
		default:
			a.destination = t.number(c, text)
		}
	}
	if len(t.all) == 0 {
		t.first = a.at
	}
	if a.at -= t.first; len(t.all) > 0 && a.at < t.all[len(t.all)-1].at {
		return a, &Error{t.file, line, columnTime, "is before that of the line above"}
	}
	return a, nil
}

// number is that of a client or destination, by its text.
func (t *tracer) number(column, text string) int32 {
	known := t.numbers[column]
	n, ok := known[text]
	if !ok {
		n = int32(len(known))
		known[strings.Clone(text)] = n
	}
	return n
}

// WriteTrace writes the first n arrivals of a scenario as CSV that a trace
// reads: what a client outside of the simulation may repeat.
func (s *Scenario) WriteTrace(w io.Writer, seed uint64, n int) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{columnTime, columnWork, columnClient, columnDestination}); err != nil {
		return err
	}
	src := newSource(s, seed)
	var a arrival
	for range n {
		if !src.next(&a) {
			break
		}
		if err := out.Write([]string{strconv.FormatFloat(a.at, 'f', 9, 64), strconv.FormatFloat(a.work, 'f', 9, 64),
			strconv.Itoa(int(a.client)), strconv.Itoa(int(a.destination))}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
