package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ulvs/control/api"
	"ulvs/explain"
	"ulvs/internal/pcapfilter"
)

// watching are the flags of the commands that watch the running daemon.
type watching struct {
	api.TraceRequest
	socket string
}

// flags declares them.
func (w *watching) flags(f *pflag.FlagSet, rate int) {
	f.IntVarP(&w.Packets, "packets", "n", 0, "end after so many packets (default none)")
	f.IntVar(&w.Rate, "rate", rate, fmt.Sprintf("packets per second at most, up to %d; those beyond are counted", api.MaxTraceRate))
	f.DurationVar(&w.Duration, "duration", 0, "end after so long (default never)")
	socketFlag(f, &w.socket)
}

// check takes the filter over and refuses what the daemon would not accept.
func (w *watching) check(f *pflag.FlagSet, filter []string) error {
	w.Filter = strings.Join(filter, " ")
	if _, err := pcapfilter.Compile(w.Filter); err != nil {
		return usageError{err}
	}
	switch {
	case f.Changed("packets") && w.Packets < 1:
		return usageError{fmt.Errorf("--packets: %d is not a positive number", w.Packets)}
	case w.Rate < 1 || w.Rate > api.MaxTraceRate:
		return usageError{fmt.Errorf("--rate: %d is not from 1 to %d", w.Rate, api.MaxTraceRate)}
	case f.Changed("duration") && w.Duration <= 0:
		return usageError{fmt.Errorf("--duration: %v is not positive", w.Duration)}
	}
	return nil
}

// grace is how long after Ctrl-C packets are still taken: what the daemon has
// seen by then is on its way.
const grace = 300 * time.Millisecond

// watch follows the packets until the end, which may be a signal. began is told
// of the interfaces, each of every packet. What was not seen is said on standard
// error.
func (w *watching) watch(ctx context.Context, began func([]string) error, each func(*explain.Record) error) error {
	cl, err := client(w.socket)
	if err != nil {
		return err
	}
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, stop) })()
	var seen, skipped, lost uint64
	err = cl.Trace(reading, w.TraceRequest, func(l api.TraceLine) error {
		switch {
		case l.Started != nil:
			return began(l.Started.Interfaces)
		case l.Ended != nil:
			seen, skipped, lost = l.Ended.Packets, l.Ended.Skipped, l.Ended.Lost
			return nil
		case l.Packet == nil:
			return nil // of a later release
		}
		seen, skipped, lost = seen+1, skipped+l.Packet.Skipped, lost+l.Packet.Lost
		r, err := explain.ParseRecord(l.Packet.Record)
		if err != nil {
			return err
		}
		return each(r)
	})
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	if err == nil {
		w.report(os.Stderr, seen, skipped, lost)
	}
	return err
}

// report says what was seen, and what was not.
func (w *watching) report(out io.Writer, seen, skipped, lost uint64) {
	text := fmt.Sprintf("%d packets", seen)
	if skipped > 0 {
		text += fmt.Sprintf("; %d more came faster than --rate %d", skipped, w.Rate)
	}
	if lost > 0 {
		text += fmt.Sprintf("; %d more were lost, because they were not taken in time", lost)
	}
	fmt.Fprintln(out, text)
}

// announce says on standard error that packets are looked at now.
func (w *watching) announce(doing string, interfaces []string) {
	what := w.Filter
	if what == "" {
		what = "all packets"
	}
	fmt.Fprintf(os.Stderr, "%s %s on %s, at most %d a second; Ctrl-C ends\n", doing, what, strings.Join(interfaces, " "), w.Rate)
}

// traceCommand shows the way of packets through the running daemon.
func traceCommand() *cobra.Command {
	var w watching
	var f explainFlags
	c := &cobra.Command{
		Use:   "trace [FILTER ...]",
		Short: "show what the running daemon does with packets, step by step",
		Long: `Shows the way of each packet that matches FILTER through the running daemon: what
was parsed, service, connection, what the scheduler saw, state, rewrite, next hop,
verdict and reason, as "ulvs explain" does of packets in words.

FILTER is of tcpdump's kind: "tcp port 80 and host 192.0.2.7"; without one, every
packet that enters the daemon. The forwarding waits for nothing: packets above
--rate are only counted.

  ulvs trace -n 10 tcp port 80
  ulvs trace --brief src host 192.0.2.7
  ulvs trace --group --duration 10s`,
		RunE: func(c *cobra.Command, filter []string) error {
			if f.brief && (f.group || f.json) {
				return usageError{errors.New("--brief: want it without --group and --json")}
			}
			if err := w.check(c.Flags(), filter); err != nil {
				return err
			}
			p := f.printer(os.Stdout, coloured(os.Stdout))
			began := func(interfaces []string) error { w.announce("tracing", interfaces); return nil }
			return errors.Join(w.watch(c.Context(), began, p.Print), p.Close())
		},
	}
	w.flags(c.Flags(), api.DefaultTraceRate)
	c.Flags().BoolVar(&f.json, "json", false, "print JSON, an object a line for each packet")
	c.Flags().BoolVar(&f.brief, "brief", false, "print a line for each packet")
	c.Flags().BoolVar(&f.group, "group", false, "count packets with the same path together")
	return c
}
