package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"ulvs/control"
	"ulvs/ipvsadm"
)

// ipvsadmFace is ipvsadm: its grammar, its text, its exit codes. Signals end
// it as they end any command: it may be reading a terminal.
func ipvsadmFace(name string, args []string) int {
	env, err := control.NewEnv(context.Background(), control.StartOptions{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitUsage
	}
	defer env.Close()
	return ipvsadm.Run(env, name, args, os.Stdin, os.Stdout, os.Stderr)
}

// ipvsadmHelp only lists the face; main takes it before cobra sees it, because
// its grammar is its own.
func ipvsadmHelp() *cobra.Command {
	return &cobra.Command{
		Use: "ipvsadm ...", DisableFlagsInUseLine: true,
		Short:              "configure and look, with ipvsadm's own grammar (also ipvsadm-save, ipvsadm-restore)",
		DisableFlagParsing: true,
		Run:                func(*cobra.Command, []string) {},
	}
}
