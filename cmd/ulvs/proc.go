package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ulvs/control"
	"ulvs/control/api"
	"ulvs/procfs"
)

// procCommand writes what ip_vs shows below /proc/net.
func procCommand() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "proc [FILE|DIR]",
		Short: "print the files that ip_vs has below /proc/net: ip_vs, ip_vs_conn, ip_vs_stats and others",
		Long: `Prints the files that ip_vs has below /proc/net, as the kernel formats them, each
under its name; with the name of one of them, that file alone; with a folder,
replaces them in there. The files are
  ` + strings.Join(procfs.Names(), " ") + `.

To have them kept fresh for programs that read them, as prometheus-node-exporter
does with --path.procfs=DIR, run the daemon with --proc-dir DIR.`,
		Args: atMostOne("file or folder"),
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := client(socket)
			if err != nil {
				return err
			}
			return writeProc(os.Stdout, args, procSource{c.Context(), cl})
		},
	}
	socketFlag(c.Flags(), &socket)
	return c
}

// writeProc does the command with its argument, if there is one.
func writeProc(w io.Writer, args []string, s procfs.Source) error {
	names := procfs.Names()
	switch {
	case len(args) == 0:
		return printFiles(w, names, s)
	case slices.Contains(names, args[0]):
		return procfs.Write(w, args[0], s)
	}
	if info, err := os.Stat(args[0]); err != nil || !info.IsDir() {
		return usageError{fmt.Errorf("proc: %q is neither a folder nor one of %s", args[0], strings.Join(names, " "))}
	}
	return procfs.Replace(args[0], names, s)
}

// printFiles prints files under headings, as head(1) and tail(1) do.
func printFiles(w io.Writer, names []string, s procfs.Source) error {
	if _, err := s.State(); err != nil { // no heading over nothing
		return err
	}
	for i, name := range names {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "==> %s <==\n", name)
		if err := procfs.Write(w, name, s); err != nil {
			return err
		}
	}
	return nil
}

// procSource is the daemon as the source of these files.
type procSource struct {
	ctx context.Context
	*control.Client
}

func (s procSource) State() (*api.State, error) { return s.Client.State(s.ctx) }

func (s procSource) Connections(yield func(api.Connection) error) error {
	return s.Client.Connections(s.ctx, yield)
}
