package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ulvs/bench"
	"ulvs/service"
)

// benchCommand measures.
func benchCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "bench",
		Short: "measure packet rates on this machine",
		Args:  noFace,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(benchFirst())
	return c
}

// benchFirst is the first comparison.
func benchFirst() *cobra.Command {
	var o bench.Options
	var asJSON bool
	c := &cobra.Command{
		Use:   "first",
		Short: "ulvs against a bare ring forwarder and against one packet per system call",
		Long: `Builds client, director and server as network namespaces, floods 64-byte UDP
packets of many flows through one forwarder at a time, in interleaved rounds,
and prints the medians. The generator has one processor, the forwarder another.
Needs root.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find own executable: %w", err)
			}
			for _, m := range []service.Method{service.DR, service.NAT} {
				o.Contestants = append(o.Contestants, bench.Director{Binary: self, Method: m, Scheduler: "wlc"})
			}
			o.Progress = os.Stderr
			r, err := bench.First(c.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(os.Stdout, r)
			}
			return r.WriteText(os.Stdout)
		},
	}
	f := c.Flags()
	f.IntVar(&o.Rounds, "rounds", 5, "interleaved rounds")
	f.DurationVar(&o.Duration, "duration", 1300*time.Millisecond, "measured time of each contestant in each round")
	f.IntVar(&o.Flows, "flows", bench.DefaultFlows, "UDP flows")
	f.IntVar(&o.Rate, "rate", 0, "packets per second to offer (default: flood)")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
