package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"ulvs/control"
	"ulvs/ipvsadm"
)

// isIpvsadm reports whether name is one of ipvsadm's.
func isIpvsadm(name string) bool {
	return slices.Contains([]string{"ipvsadm", "ipvsadm-save", "ipvsadm-restore"}, name)
}

// ipvsadmFace is ipvsadm: its grammar, its text, its exit codes.
func ipvsadmFace(ctx context.Context, name string, args []string) int {
	env, err := control.NewEnv(ctx, control.StartOptions{})
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
		Use:                "ipvsadm",
		Short:              "configure and look, with ipvsadm's own grammar (also ipvsadm-save, ipvsadm-restore)",
		DisableFlagParsing: true,
		Run:                func(*cobra.Command, []string) {},
	}
}
