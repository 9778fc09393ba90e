package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"ulvs/doctor"
)

// doctorCommand says what will not work here, and what to type against it.
func doctorCommand() *cobra.Command {
	o := doctor.Options{}
	var noProbe, asJSON, brief, list bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "look at host, neighbours and real servers and say what does not work, why, and what to type against it",
		Long: `Looks at the host, the daemon, the neighbours and the real servers and prints a
line for each finding, with what was seen and what to type. It changes nothing.
It asks neighbours by ARP and neighbour solicitations and real servers by a SYN
each, which it resets; --no-probe leaves that out. Run it as root in the
daemon's network namespace: without CAP_NET_RAW nothing is asked, without
CAP_NET_ADMIN the guard is not seen. It fails if there is an error among the
findings; warnings are none.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if list {
				return listFindings(asJSON)
			}
			o.Probe = !noProbe
			r, err := doctor.Run(c.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(os.Stdout, r)
			} else {
				err = r.Print(os.Stdout, doctor.Style{Color: coloured(os.Stdout), Brief: brief})
			}
			if err == nil && r.Errors > 0 {
				err = fmt.Errorf("doctor: errors found: %d", r.Errors)
			}
			return err
		},
	}
	f := c.Flags()
	socketFlag(f, &o.Socket)
	f.BoolVar(&noProbe, "no-probe", false, "send nothing: look at the host and the daemon only")
	f.BoolVar(&brief, "brief", false, "one line for each finding, without evidence and fixes")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.BoolVar(&list, "list", false, "list every kind of finding and its meaning, and look at nothing")
	return c
}

// listFindings prints what there is to be found.
func listFindings(asJSON bool) error {
	if !asJSON {
		return doctor.PrintDefinitions(os.Stdout)
	}
	return printJSON(os.Stdout, struct {
		Version  int                 `json:"version"`
		Findings []doctor.Definition `json:"findings"`
	}{doctor.Version, doctor.Definitions()})
}
