// Command ulvs is the Linux Virtual Server as an ordinary process. One binary
// has several faces, chosen by its first argument or, for ipvsadm and its
// companions, by the name it is called by.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"ulvs/bench"
	"ulvs/control/api"
	"ulvs/daemon"
	"ulvs/explain"
	"ulvs/ipvsadm"
	"ulvs/lab"
	"ulvs/sim"
)

// version is set by the linker; see Makefile.
var version = "devel"

// Exit codes of every face but ipvsadm, which has its own.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitInvalid     = 4 // a file that cannot be used
)

func main() { os.Exit(run(os.Args)) }

// run chooses the face.
func run(argv []string) int {
	name := filepath.Base(argv[0])
	if ipvsadm.IsFace(name) {
		return ipvsadmFace(name, argv[1:])
	}
	if len(argv) > 1 && ipvsadm.IsFace(argv[1]) {
		return ipvsadmFace(argv[1], argv[2:])
	}
	ctx, stop := untilSignal(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	root := rootCommand()
	root.SetArgs(argv[1:])
	return exitCode(root.ExecuteContext(ctx))
}

// usageError is a wrong flag or argument.
type usageError struct{ error }

// exitCode prints the error, in one line, and chooses the code for it.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	var exited exitedError
	if errors.As(err, &exited) {
		return int(exited)
	}
	fmt.Fprintln(os.Stderr, "ulvs:", err)
	var usage usageError
	var daemonUsage *daemon.UsageError
	var labUsage *lab.UsageError
	var benchUsage *bench.UsageError
	var remote *api.Error
	var scenario *sim.Error
	var invalid explain.InputError
	switch {
	case errors.As(err, &scenario):
		return exitInvalid
	case errors.As(err, &usage), errors.As(err, &daemonUsage), errors.As(err, &labUsage), errors.As(err, &benchUsage):
		return exitUsage
	case errors.As(err, &invalid):
		return exitInvalid
	case errors.As(err, &remote) && remote.Code == api.Unreachable:
		return exitUnreachable
	}
	return exitFailed
}

// rootCommand is the tree of all faces.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "ulvs",
		Short: "Linux Virtual Server in user space: an L4 load balancer on AF_PACKET",
		Long: `ulvs balances TCP, UDP and SCTP connections over real servers as the kernel's
ip_vs does, in an ordinary process: no kernel module, no eBPF.

Configure it with the ipvsadm commands you know: "ulvs ipvsadm -A ...", or call
the binary by the name ipvsadm. The first change starts the daemon.`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noFace,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		runCommand(), statusCommand(), setCommand(), markCommand(), saveCommand(), procCommand(), ipvsadmHelp(),
		topCommand(), reasonsCommand(), explainCommand(), traceCommand(), captureCommand(), doctorCommand(),
		labCommand(), labHostCommand(), decapCommand(),
		simCommand(), benchCommand(), conformanceCommand(),
	)
	return root
}

// noFace refuses a first word that is no face.
func noFace(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("no command %q; see %s --help", args[0], c.CommandPath())}
}

// noArgs refuses arguments behind the flags.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("%s takes no argument, got %q", c.CommandPath(), args[0])}
}

// atMostOne refuses a second argument; what says what the first is.
func atMostOne(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) <= 1 {
			return nil
		}
		return usageError{fmt.Errorf("%s takes one %s at most, got %q too", c.CommandPath(), what, args[1])}
	}
}
