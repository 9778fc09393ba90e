package main

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ulvs/control"
)

// ask makes a command that puts one question to the daemon and prints the
// answer.
func ask[T any](use, short string, question func(*control.Client, context.Context) (T, error), print func(io.Writer, T)) *cobra.Command {
	var socket string
	var asJSON bool
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := client(socket)
			if err != nil {
				return err
			}
			answer, err := question(cl, c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(os.Stdout, answer)
			}
			print(os.Stdout, answer)
			return nil
		},
	}
	socketFlag(c.Flags(), &socket)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// socketFlag is the flag of every command that speaks to the daemon.
func socketFlag(f *pflag.FlagSet, to *string) {
	f.StringVar(to, "socket", "", "unix socket of the API (default that of this network namespace)")
}

// client is a client of the namespace's daemon.
func client(socket string) (*control.Client, error) {
	if socket == "" {
		path, err := control.SocketPath()
		if err != nil {
			return nil, err
		}
		socket = path
	}
	return control.NewClient(socket), nil
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
