package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ulvs/bench"
)

// benchFlags are those of a measurement.
type benchFlags struct {
	o               bench.Options
	asJSON, goBench bool
	out             string
}

// benchCommand measures.
func benchCommand() *cobra.Command {
	b := &benchFlags{}
	c := &cobra.Command{
		Use:   "bench EXPERIMENT...|quick|all",
		Short: "measure ulvs against other forwarders on this machine",
		Long: `Builds client, director and servers as network namespaces, measures one
contestant after the other, in interleaved rounds, and prints medians, ranges,
ratios and the bars they are held to. Nothing outside the namespaces is touched,
and nothing is left behind. Needs root, two idle processors and, for contestants,
their Debian packages; "ulvs bench list" names the experiments.

"all" is every experiment in five rounds, "quick" every experiment once and too
short to mean anything: it shows that all of it works.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			_, err := chooseExperiments(args)
			return err
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return b.run(c, args)
		},
	}
	b.register(c)
	c.AddCommand(benchList(), benchFirst(), benchDoc(), benchPart())
	return c
}

// register makes the flags known.
func (b *benchFlags) register(c *cobra.Command) {
	f := c.Flags()
	f.IntVar(&b.o.Rounds, "rounds", 0, fmt.Sprintf("interleaved rounds (default %d, quick 1)", bench.DefaultRounds))
	f.DurationVar(&b.o.Duration, "duration", 0, "measured time of each contestant in each round (default by experiment)")
	f.BoolVar(&b.asJSON, "json", false, "print JSON")
	f.BoolVar(&b.goBench, "gobench", false, "print Go benchmark format, for benchstat")
	f.StringVar(&b.out, "out", "", "folder to write table, JSON, Go benchmark format and plots (SVG, PNG) to as well")
}

// quickWord and allWord stand for every experiment.
const (
	quickWord = "quick"
	allWord   = "all"
)

// chooseExperiments finds experiments by name.
func chooseExperiments(names []string) ([]bench.Experiment, error) {
	all := bench.Experiments()
	if len(names) == 1 && (names[0] == quickWord || names[0] == allWord) {
		return all, nil
	}
	var out []bench.Experiment
next:
	for _, name := range names {
		for _, x := range all {
			if x.Name == name {
				out = append(out, x)
				continue next
			}
		}
		return nil, usageError{fmt.Errorf("no experiment %q; ulvs bench list names them", name)}
	}
	return out, nil
}

// run measures and prints.
func (b *benchFlags) run(c *cobra.Command, names []string) error {
	experiments, err := chooseExperiments(names)
	if err != nil {
		return err
	}
	if c.Flags().Changed("rounds") && b.o.Rounds < 1 {
		return usageError{fmt.Errorf("--rounds: %d is not a positive number", b.o.Rounds)}
	}
	if b.asJSON && b.goBench {
		return usageError{errors.New("--gobench: not with --json; --out writes both")}
	}
	if b.o.Binary, err = os.Executable(); err != nil {
		return fmt.Errorf("find own executable: %w", err)
	}
	b.o.Quick = names[0] == quickWord
	if b.o.Quick && b.o.Rounds == 0 {
		b.o.Rounds = 1
	}
	b.o.Progress, b.o.Build = os.Stderr, version
	b.o.Command = "ulvs " + strings.Join(os.Args[1:], " ")
	r, err := bench.Run(c.Context(), experiments, b.o)
	if r == nil {
		return err
	}
	if written := b.write(r); written != nil {
		return written
	}
	return err
}

// write prints the report in the form wanted.
func (b *benchFlags) write(r *bench.Report) error {
	if b.out != "" {
		if err := r.WriteFiles(b.out); err != nil {
			return err
		}
	}
	switch {
	case b.asJSON:
		return r.WriteJSON(os.Stdout)
	case b.goBench:
		return r.WriteGoBench(os.Stdout)
	}
	return r.WriteText(os.Stdout)
}

// benchList names the experiments.
func benchList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "name the experiments", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
			for _, x := range bench.Experiments() {
				fmt.Fprintf(w, "%s\t%s\t%d contestants, %d bars\n", x.Name, x.Title, len(x.Entries), len(x.Bars))
			}
			return w.Flush()
		},
	}
}

// benchFirst is the experiment there was first.
func benchFirst() *cobra.Command {
	b := &benchFlags{}
	c := &cobra.Command{
		Use: "first", Short: "small-packets, with another load if wanted", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return b.run(c, []string{"small-packets"}) },
	}
	b.register(c)
	c.Flags().IntVar(&b.o.Flows, "flows", 0, "UDP flows (default by experiment)")
	c.Flags().IntVar(&b.o.Rate, "rate", 0, "packets per second to offer (default: flood)")
	return c
}

// benchDoc writes results into a document.
func benchDoc() *cobra.Command {
	return &cobra.Command{
		Use:   "doc RESULTS.json [DOCUMENT.md]",
		Short: "print results as Markdown, or write them into a document between its marks",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usageError{fmt.Errorf("%s takes results and perhaps a document, got %d arguments", c.CommandPath(), len(args))}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			r, err := bench.ReadReport(f)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if len(args) == 1 {
				return r.WriteMarkdown(os.Stdout)
			}
			return r.UpdateDocument(args[1])
		},
	}
}

// benchPart is a measurement in a process of its own, for the others.
func benchPart() *cobra.Command {
	var quick bool
	c := &cobra.Command{
		Use: "part NAME", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return bench.Part(c.Context(), args[0], quick) },
	}
	c.Flags().BoolVar(&quick, "quick", false, "small")
	return c
}
