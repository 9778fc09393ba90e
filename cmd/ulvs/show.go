package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ulvs/control"
	"ulvs/control/api"
	"ulvs/daemon"
)

// statusCommand says what the daemon is doing.
func statusCommand() *cobra.Command {
	return ask("status", "say what the daemon of this network namespace is doing", (*control.Client).Info, printInfo)
}

func printInfo(w io.Writer, i *api.Info) {
	fmt.Fprintf(w, "ulvs %s, pid %d, up %s\n", i.Build, i.PID, i.Uptime.Round(1e9))
	fmt.Fprintf(w, "interfaces   %s\n", strings.Join(i.Interfaces, " "))
	fmt.Fprintf(w, "workers      %d\n", i.Workers)
	fmt.Fprintf(w, "connections  %d of %d (%d MiB)\n", i.Connections, i.Capacity, i.MemoryBytes>>20)
	fmt.Fprintf(w, "socket       %s\n", i.Socket)
	if i.Traces > 0 {
		fmt.Fprintf(w, "traces       %d\n", i.Traces)
	}
	for _, t := range i.Warnings {
		fmt.Fprintf(w, "warning      %s\n", t)
	}
}

// reasonsCommand lists what became of packets.
func reasonsCommand() *cobra.Command {
	return ask("reasons", "list how many packets were forwarded, passed and dropped, by reason", (*control.Client).Reasons, printReasons)
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
