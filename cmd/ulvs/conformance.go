package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"ulvs/conformance"
)

// recordingsDir is where the repository keeps its recordings.
const recordingsDir = "testdata/oracle"

// conformanceCommand holds ulvs against recordings of a kernel.
func conformanceCommand() *cobra.Command {
	var asJSON, all bool
	c := &cobra.Command{
		Use:   "conformance [DIR]",
		Short: "replay recordings of a kernel's ip_vs and list what differs",
		Long: `Replays every *.jsonl and *.jsonl.gz in DIR and below it (default ` + recordingsDir + `, from
the repository's root) and compares after each step who got the packet, what
came back, the counts of every real server, the connections with the seconds
they have left and, where they were recorded, the bytes. No network is used.

Ends with 1 if anything differs that is not a named deviation or listed as not
there yet. docs/conformance.md says how to read the table.`,
		Args: atMostOne("directory"),
		RunE: func(_ *cobra.Command, args []string) error {
			return conform(append(args, recordingsDir)[0], asJSON, all)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVarP(&all, "verbose", "v", false, "list every difference")
	return c
}

func conform(dir string, asJSON, all bool) error {
	report, err := conformance.Replay(os.DirFS(dir))
	if err != nil {
		return fmt.Errorf("conformance: directory %q: %w; name one with recordings: ulvs conformance DIR", dir, err)
	}
	if asJSON {
		err = printJSON(os.Stdout, report)
	} else {
		err = report.WriteTable(os.Stdout, all)
	}
	if err == nil && report.Failed() {
		err = errors.New("conformance: ulvs differs from the recordings")
	}
	return err
}
