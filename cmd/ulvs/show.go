package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ulvs/control"
	"ulvs/control/api"
)

// statusCommand says what the daemon is doing.
func statusCommand() *cobra.Command {
	return ask("status", "say what the daemon of this network namespace is doing", (*control.Client).Info, printInfo)
}

func printInfo(w io.Writer, i *api.Info) {
	fmt.Fprintf(w, "ulvs %s, pid %d, up %s\n", i.Build, i.PID, i.Uptime.Round(1e9))
	fmt.Fprintf(w, "interfaces   %s\n", strings.Join(i.Interfaces, " "))
	for _, name := range slices.Sorted(maps.Keys(i.Sending)) {
		fmt.Fprintf(w, "sending      %s by %s\n", name, sendingText(i.Sending[name]))
	}
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

// sendingText is the way, and in parentheses why not by AF_XDP.
func sendingText(s api.Sending) string {
	if s.Because == "" {
		return s.By
	}
	return s.By + " (" + s.Because + ")"
}
