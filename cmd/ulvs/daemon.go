package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ulvs/daemon"
	"ulvs/dataplane/afpacket"
)

// runner is the daemon with its flags as they were typed.
type runner struct {
	daemon.Options
	ringMiB                  int64
	logLevel, settings, poll string
	background               bool
}

// runCommand is the daemon.
func runCommand() *cobra.Command {
	var r runner
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
		RunE: func(c *cobra.Command, _ []string) error { return r.run(c.Context(), c.Flags()) },
	}
	r.flags(c.Flags())
	return c
}

// flags declares them.
func (r *runner) flags(f *pflag.FlagSet) {
	f.StringSliceVarP(&r.Interfaces, "interface", "i", nil, "interfaces to work on (default every Ethernet interface that is not part of a bridge or bond)")
	f.IntVar(&r.Workers, "workers", daemon.DefaultWorkers, "worker threads; flows are spread over them")
	f.IntVar(&r.Capacity, "capacity", daemon.DefaultCapacity, "connections the table can hold; memory is reserved for all, and taken with the first service")
	f.StringVar(&r.Socket, "socket", "", "unix socket of the API (default one per network namespace below /run/ulvs)")
	f.IntVar(&r.RingSlots, "ring-slots", 0, "frames that each receive ring holds; an error if --ring-memory does not allow it for every interface (default as many as it allows, at most 4140)")
	f.Int64Var(&r.ringMiB, "ring-memory", 0, "MiB that all receive rings together may take (default an eighth of the machine's memory, at most 1024)")
	f.BoolVar(&r.Throughput, "throughput", false, "receive in blocks: a ring holds many times more small packets, each comes a millisecond later")
	f.StringVar(&r.poll, "poll", "", "how workers wait: adaptive (spin while that pays, then sleep), block (sleep at once) or spin (a whole processor each) (default adaptive, block on a single processor)")
	f.BoolVar(&r.QdiscBypass, "qdisc-bypass", false, "transmit past the queueing discipline, egress hooks and tcpdump, what the packet socket sends too (see --send)")
	f.StringVar((*string)(&r.Send), "send", string(daemon.SendAuto), "by what ordinary frames leave (no super-frame, at most the MTU and 2048 bytes, at most 256 with a checksum left to the device): packet (the packet socket), xdp (AF_XDP: faster, but past queueing disciplines, egress hooks and tcpdump, and on a bridge, macvlan or VLAN interface without an EtherType for filters below it) or auto (xdp on veth interfaces where none of these is seen, looked at every second)")
	f.BoolVar(&r.NoGuard, "no-guard", false, "leave the host's own stack alone, even where it answers for a virtual address")
	f.StringVar(&r.settings, "settings", "", "file of settings as sysctl.conf has them, net.ipv4.vs.NAME = VALUE (see ulvs set)")
	f.StringVar(&r.ProcDir, "proc-dir", "", "folder in which to keep net/ip_vs, net/ip_vs_stats and so on as the kernel has them below /proc (default none)")
	f.StringVar(&r.logLevel, "log-level", "info", "debug, info, warn or error")
	f.BoolVar(&r.background, "background-child", false, "") // by control.EnsureDaemon
	_ = f.MarkHidden("background-child")
}

// run takes over what the flags say and works until it is told to end.
func (r *runner) run(ctx context.Context, f *pflag.FlagSet) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(r.logLevel)); err != nil {
		return usageError{fmt.Errorf("--log-level: %q is not one of debug, info, warn, error", r.logLevel)}
	}
	if f.Changed("interface") && len(r.Interfaces) == 0 {
		return usageError{errors.New("--interface: the name is empty")} // not all of them: perhaps a shell's unset variable
	}
	if r.settings != "" {
		all, err := readSettings(r.settings)
		if err != nil {
			return usageError{fmt.Errorf("--settings: %w", err)}
		}
		r.Settings = all
	}
	if r.poll != "" {
		mode, err := afpacket.ParsePoll(r.poll)
		if err != nil {
			return usageError{fmt.Errorf("--poll: %w", err)}
		}
		r.Poll = &mode
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	if r.RingMemory = r.ringMiB << 20; !f.Changed("ring-memory") {
		r.RingMemory = daemon.DefaultRingMemory()
	}
	r.Build = version
	signal.Ignore(syscall.SIGPIPE) // the end of who reads the log is not ours
	ctx, stop := untilHangup(ctx, r.background, log)
	defer stop()
	return daemon.Run(ctx, r.Options, log)
}
