package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ulvs/control/api"
	"ulvs/daemon"
)

// statusCommand says what the daemon is doing.
func statusCommand() *cobra.Command {
	var socket string
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "what the daemon of this network namespace is doing",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := client(socket)
			if err != nil {
				return err
			}
			info, err := cl.Info(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(os.Stdout, info)
			}
			printInfo(os.Stdout, info)
			return nil
		},
	}
	c.Flags().StringVar(&socket, "socket", "", "unix socket of the API")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printInfo(w io.Writer, i *api.Info) {
	fmt.Fprintf(w, "ulvs %s, pid %d, up %s\n", i.Build, i.PID, i.Uptime.Round(1e9))
	fmt.Fprintf(w, "interfaces   %s\n", strings.Join(i.Interfaces, " "))
	fmt.Fprintf(w, "workers      %d\n", i.Workers)
	fmt.Fprintf(w, "connections  %d of %d (%d MiB)\n", i.Connections, i.Capacity, i.MemoryBytes>>20)
	fmt.Fprintf(w, "socket       %s\n", i.Socket)
	for _, t := range i.Warnings {
		fmt.Fprintf(w, "warning      %s\n", t)
	}
}

// reasonsCommand lists what became of packets.
func reasonsCommand() *cobra.Command {
	var socket string
	var asJSON bool
	c := &cobra.Command{
		Use:   "reasons",
		Short: "how many packets were forwarded, passed and dropped, by reason",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := client(socket)
			if err != nil {
				return err
			}
			r, err := cl.Reasons(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(os.Stdout, r)
			}
			printReasons(os.Stdout, r)
			return nil
		},
	}
	c.Flags().StringVar(&socket, "socket", "", "unix socket of the API")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// printReasons prints the counts, largest first, with a line of meaning each.
func printReasons(w io.Writer, r api.Reasons) {
	names := slices.Collect(maps.Keys(r))
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(r[b], r[a]), cmp.Compare(a, b))
	})
	for _, n := range names {
		fmt.Fprintf(w, "%14d  %-24s %s\n", r[n], n, daemon.Meaning(n))
	}
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
