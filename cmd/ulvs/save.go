package main

import (
	"os"

	"github.com/spf13/cobra"

	"ulvs/ipvsadm"
)

// saveCommand writes the table completely.
func saveCommand() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "save",
		Short: "print the services as ipvsadm commands, with nothing left out",
		Long: `Prints all services and real servers as lines for ipvsadm-restore (or ipvsadm -R),
addresses and ports as numbers. "ipvsadm -S" prints what ipvsadm has always
printed, which leaves out connection thresholds and the order of lists, and
writes large firewall marks as negative numbers; this leaves out nothing.

  ulvs save > rules
  ipvsadm-restore < rules`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := client(socket)
			if err != nil {
				return err
			}
			s, err := cl.State(c.Context())
			if err != nil {
				return err
			}
			return ipvsadm.SaveAll(os.Stdout, s)
		},
	}
	socketFlag(c.Flags(), &socket)
	return c
}
