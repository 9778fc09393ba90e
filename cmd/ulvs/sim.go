package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ulvs/sim"
)

// simFlags are those of a simulation.
type simFlags struct {
	schedulers []string
	seed       int64
	runs       int
	asCSV      bool
	asJSON     bool
	out, html  string
}

// simCommand compares schedulers.
func simCommand() *cobra.Command {
	s := &simFlags{}
	c := &cobra.Command{
		Use:   "sim FILE...|NAME...",
		Short: "compare schedulers on a workload, in virtual time",
		Long: `Simulates the scenarios of the files, or shipped ones by their names, with one
scheduler after the other: the same clients, the same work, another choice of the
server. The schedulers are those of live traffic. Needs no rights and touches
nothing. "ulvs sim list" names the shipped scenarios; docs/simulator.md explains
their files.`,
		Args: func(c *cobra.Command, _ []string) error { return s.check() },
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return s.run(c, args)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&s.schedulers, "schedulers", nil, `schedulers to compare, rr,wlc,... or "all" (default by scenario)`)
	f.Int64Var(&s.seed, "seed", 1, "seed of the first run: the same one gives the same numbers")
	f.IntVar(&s.runs, "runs", 1, "runs with different seeds, whose results are put together")
	f.BoolVar(&s.asCSV, "csv", false, "print CSV")
	f.BoolVar(&s.asJSON, "json", false, "print JSON")
	f.StringVar(&s.out, "out", "", "folder to write HTML, table, CSV, JSON and plots (SVG, PNG) to as well")
	f.StringVar(&s.html, "html", "", "file to write one page of HTML to as well")
	c.AddCommand(simList())
	return c
}

// check refuses flags that make no sense.
func (s *simFlags) check() error {
	switch {
	case s.asCSV && s.asJSON:
		return usageError{errors.New("--csv: not with --json; --out writes both")}
	case s.runs < 1 || s.runs > 1000:
		return usageError{fmt.Errorf("--runs: %d is not from 1 to 1000", s.runs)}
	case s.seed < 0:
		return usageError{fmt.Errorf("--seed: %d is not a whole number of 0 or more", s.seed)}
	}
	if slices.Equal(s.schedulers, []string{"all"}) {
		s.schedulers = sim.AllSchedulers()
	}
	for _, name := range s.schedulers {
		if !slices.Contains(sim.AllSchedulers(), name) {
			return usageError{fmt.Errorf("--schedulers: %q is not one of all, %s", name, strings.Join(sim.AllSchedulers(), ", "))}
		}
	}
	return nil
}

// run simulates and prints.
func (s *simFlags) run(c *cobra.Command, names []string) error {
	var scenarios []*sim.Scenario
	for _, name := range names {
		sc, err := sim.Load(name)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(scenarios, func(o *sim.Scenario) bool { return o.Name == sc.Name }) {
			return usageError{fmt.Errorf("%q: a scenario %s is there twice, and their results would have one name", name, sc.Name)}
		}
		scenarios = append(scenarios, sc)
	}
	r, err := sim.Run(c.Context(), scenarios, sim.Options{Schedulers: s.schedulers, Seed: uint64(s.seed), Runs: s.runs,
		Command: "ulvs " + shellWords(os.Args[1:])})
	if err != nil {
		return err
	}
	return s.write(r)
}

// shellWords is a command line that a shell takes apart into these words.
func shellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if quoted[i] = w; w == "" || strings.ContainsAny(w, " \t\n\"'`$&|;<>()*?[]{}#~!\\") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// write prints the report, and writes the files that are wanted.
func (s *simFlags) write(r *sim.Report) error {
	if s.out != "" {
		if err := r.WriteFiles(s.out); err != nil {
			return err
		}
	}
	if s.html != "" {
		var b bytes.Buffer
		if err := r.WriteHTML(&b); err != nil {
			return err
		}
		if err := os.WriteFile(s.html, b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	switch {
	case s.asCSV:
		return r.WriteCSV(os.Stdout)
	case s.asJSON:
		return r.WriteJSON(os.Stdout)
	}
	return r.WriteText(os.Stdout)
}

// simList names the shipped scenarios.
func simList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "name the shipped scenarios with their questions", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
			for _, name := range sim.Names() {
				sc, err := sim.Load(name)
				if err != nil {
					return err
				}
				fmt.Fprintf(w, "%s\t%s\n", name, sc.Question)
			}
			return w.Flush()
		},
	}
}
