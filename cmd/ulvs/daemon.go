package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"ulvs/daemon"
	"ulvs/dataplane/afpacket"
)

// runCommand is the daemon.
func runCommand() *cobra.Command {
	var o daemon.Options
	var ringMiB int64
	var logLevel, settings, poll string
	var background bool
	c := &cobra.Command{
		Use:   "run",
		Short: "run the director in the foreground",
		Long: `Runs the director of this network namespace until SIGINT or SIGTERM; a second
one ends it at once. It takes its services from the API: configure it with
"ulvs ipvsadm". It needs CAP_NET_RAW, and CAP_NET_ADMIN for the guard that keeps
the host's own stack from answering for the virtual addresses.

SIGHUP, the end of its terminal, ends it too, unless it is ignored (nohup). A
daemon that ipvsadm has started in the background outlives terminals and only
logs SIGHUP: there is no file to reload.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var level slog.Level
			if err := level.UnmarshalText([]byte(logLevel)); err != nil {
				return usageError{fmt.Errorf("--log-level: %q is not one of debug, info, warn, error", logLevel)}
			}
			if c.Flags().Changed("interface") && len(o.Interfaces) == 0 {
				return usageError{errors.New("--interface: the name is empty")} // not all of them: perhaps a shell's unset variable
			}
			if settings != "" {
				all, err := readSettings(settings)
				if err != nil {
					return usageError{fmt.Errorf("--settings: %w", err)}
				}
				o.Settings = all
			}
			if poll != "" {
				mode, err := afpacket.ParsePoll(poll)
				if err != nil {
					return usageError{fmt.Errorf("--poll: %w", err)}
				}
				o.Poll = &mode
			}
			log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
			o.RingMemory = ringMiB << 20
			o.Build = version
			signal.Ignore(syscall.SIGPIPE) // the end of who reads the log is not ours
			ctx, stop := untilHangup(c.Context(), background, log)
			defer stop()
			return daemon.Run(ctx, o, log)
		},
	}
	f := c.Flags()
	f.StringSliceVarP(&o.Interfaces, "interface", "i", nil, "interfaces to work on (default every Ethernet interface that is not part of a bridge or bond)")
	f.IntVar(&o.Workers, "workers", daemon.DefaultWorkers, "worker threads; flows are spread over them")
	f.IntVar(&o.Capacity, "capacity", daemon.DefaultCapacity, "connections the table can hold; its memory is reserved at the start")
	f.StringVar(&o.Socket, "socket", "", "unix socket of the API (default one per network namespace below /run/ulvs)")
	f.IntVar(&o.RingSlots, "ring-slots", 0, "frames that each receive ring holds (default as many as --ring-memory allows, at most 2070)")
	f.Int64Var(&ringMiB, "ring-memory", daemon.DefaultRingMemory>>20, "MiB that all receive rings together may take")
	f.BoolVar(&o.Throughput, "throughput", false, "receive in blocks: more packets per second, each a millisecond later")
	f.StringVar(&poll, "poll", "", "how workers wait: adaptive (spin while that pays, then sleep), block (sleep at once) or spin (a whole processor each) (default adaptive, block on a single processor)")
	f.BoolVar(&o.QdiscBypass, "qdisc-bypass", false, "transmit past the queueing discipline")
	f.BoolVar(&o.NoGuard, "no-guard", false, "leave the host's own stack alone, even where it answers for a virtual address")
	f.StringVar(&settings, "settings", "", "file of settings as sysctl.conf has them, net.ipv4.vs.NAME = VALUE (see ulvs set)")
	f.StringVar(&o.ProcDir, "proc-dir", "", "folder in which to keep net/ip_vs, net/ip_vs_stats and so on as the kernel has them below /proc (default none)")
	f.StringVar(&logLevel, "log-level", "info", "debug, info, warn or error")
	f.BoolVar(&background, "background-child", false, "") // by control.EnsureDaemon
	_ = f.MarkHidden("background-child")
	return c
}
