package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ulvs/top"
)

// Bounds of the time between two looks.
const (
	minInterval = 100 * time.Millisecond
	maxInterval = time.Hour
)

// topCommand shows services and servers as they work.
func topCommand() *cobra.Command {
	var socket string
	var interval time.Duration
	var tables int
	c := &cobra.Command{
		Use:   "top",
		Short: "watch services and servers: rates, connections, shares, reasons",
		Long: `Shows every virtual service and its real servers with connections, rates, and
the share of new connections that each server got beside the one that it is
promised; below, what became of packets. The key ? explains keys and columns.

Where standard output is no terminal, or with -n, it prints plain tables, each of
one interval.`,
		Example: `  ulvs top
  ulvs top --interval 5s
  ulvs top -n 3 >snapshots.txt`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case interval < minInterval || interval > maxInterval:
				return usageError{fmt.Errorf("--interval: %s is not from %s to 1h", interval, minInterval)}
			case tables < 1:
				return usageError{fmt.Errorf("-n: %d is not a positive number", tables)}
			}
			cl, err := client(socket)
			if err != nil {
				return err
			}
			began := time.Now()
			o := top.Options{Interval: interval, Clock: func() time.Duration { return time.Since(began) }}
			if c.Flags().Changed("tables") || !isTerminal(os.Stdout) || !isTerminal(os.Stdin) {
				return top.Plain(c.Context(), os.Stdout, cl, o, tables)
			}
			return top.Watch(c.Context(), cl, o)
		},
	}
	socketFlag(c.Flags(), &socket)
	c.Flags().DurationVar(&interval, "interval", time.Second, "time between two looks, which rates are of")
	c.Flags().IntVarP(&tables, "tables", "n", 1, "plain tables to print")
	return c
}
