package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ulvs/control"
	"ulvs/control/api"
	"ulvs/explain"
)

// explainFlags are the flags of ulvs explain.
type explainFlags struct {
	rules, flows, pcap, socket string
	json, brief, group         bool
	conns                      int
	seed                       uint64
}

// explainCommand shows what the pipeline does with single packets.
func explainCommand() *cobra.Command {
	f := &explainFlags{}
	c := &cobra.Command{
		Use:   "explain [FLOW ... | -]",
		Short: "show what becomes of packets and why, without sending any",
		Long: `A FLOW is a packet in words, quoted for the shell:

    ` + explain.WordsUsage + `

"tcp 192.0.2.7:40000 > 198.51.100.1:80 SYN", "icmp [2001:db8::7] > [2001:db8::1]".
Names of TCP flags are joined by +, SCTP has chunks; xN makes N packets, each from
the next port. --flows reads one a line from a file, - from standard input, --pcap a
capture; a line "ipvsadm ..." between packets changes the rules.

The packets go through a director of its own that has the rules of --rules, or the
services, counts and connections of the running daemon, which is not touched.`,
		RunE: func(c *cobra.Command, args []string) error { return f.run(c.Context(), args) },
	}
	c.Flags().StringVar(&f.rules, "rules", "", "file of ipvsadm-save text; - is standard input (default the running daemon's state)")
	c.Flags().StringVar(&f.flows, "flows", "", "file of packets in words, one a line; - is standard input")
	c.Flags().StringVar(&f.pcap, "pcap", "", "capture to take the packets from, pcap or pcapng; - is standard input")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON, an object a line for each packet")
	c.Flags().BoolVar(&f.brief, "brief", false, "print a line for each packet")
	c.Flags().BoolVar(&f.group, "group", false, "count packets with the same path together")
	c.Flags().IntVar(&f.conns, "capacity", explain.DefaultConns, "connections the table can hold")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "what schedulers that draw lots begin with")
	socketFlag(c.Flags(), &f.socket)
	return c
}

// check refuses flags that contradict each other.
func (f *explainFlags) check(args []string) error {
	stdin := 0
	for _, name := range []string{f.rules, f.pcap, f.flows} {
		if name == "-" {
			stdin++
		}
	}
	switch {
	case f.pcap == "" && f.flows == "" && len(args) == 0:
		return usageError{errors.New("nothing to explain: want packets in words, --flows FILE or --pcap FILE; see ulvs explain --help")}
	case (f.pcap != "" || f.flows != "") && len(args) > 0:
		return usageError{fmt.Errorf("--pcap or --flows and the flow %q: want one of them", args[0])}
	case f.pcap != "" && f.flows != "":
		return usageError{errors.New("--pcap and --flows: want one of them")}
	case stdin > 1:
		return usageError{errors.New("standard input can be read once: give - once")}
	case f.brief && f.group, f.brief && f.json:
		return usageError{errors.New("--brief: want it without --group and --json")}
	case f.rules != "" && f.socket != "":
		return usageError{errors.New("--rules and --socket: want one of them")}
	}
	return nil
}

func (f *explainFlags) run(ctx context.Context, args []string) error {
	if len(args) == 1 && args[0] == "-" && f.flows == "" {
		args, f.flows = nil, "-"
	}
	if err := f.check(args); err != nil {
		return err
	}
	flows, err := readFlows(f.flows, args)
	if err != nil {
		return err
	}
	e, err := f.engine(ctx)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	p := f.printer(out, explain.Style{Colour: coloured(os.Stdout)})
	if f.pcap != "" {
		err = f.explainCapture(e, p)
	} else {
		err = explainFlows(e, p, flows, control.NewSystemNames(ctx))
	}
	if closeErr := p.Close(); err == nil {
		err = closeErr
	}
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	return err
}

// printer is the form that was asked for.
func (f *explainFlags) printer(w io.Writer, style explain.Style) explain.Printer {
	switch {
	case f.group && f.json:
		return explain.NewGroupJSON(w)
	case f.group:
		return explain.NewGroup(w, style)
	case f.json:
		return explain.NewJSON(w)
	case f.brief:
		return explain.NewBrief(w, style)
	}
	return explain.NewText(w, style)
}

// engine makes the director that the packets go through.
func (f *explainFlags) engine(ctx context.Context) (*explain.Engine, error) {
	if f.rules == "" {
		s, err := askState(ctx, f.socket)
		if err != nil {
			return nil, err
		}
		e, err := explain.New(max(f.conns, len(s.Connections)+explain.DefaultConns), f.seed)
		if err != nil {
			return nil, err
		}
		return e, e.LoadState(s)
	}
	text, err := readInput(f.rules)
	if err != nil {
		return nil, err
	}
	e, err := explain.New(f.conns, f.seed)
	if err != nil {
		return nil, usageError{err}
	}
	return e, e.LoadRules(f.rules, string(text), control.NewSystemNames(ctx))
}

// askState asks the daemon for its state. It changes nothing there.
func askState(ctx context.Context, socket string) (s *explain.DaemonState, err error) {
	cl, err := client(socket)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	s = &explain.DaemonState{}
	if s.State, err = cl.State(ctx); err == nil {
		s.Timeouts, err = cl.Timeouts(ctx)
	}
	if err == nil {
		s.Settings, err = cl.Settings(ctx)
	}
	if err == nil {
		s.Marks, err = cl.Marks(ctx)
	}
	if err == nil {
		err = cl.Connections(ctx, func(c api.Connection) error {
			s.Connections = append(s.Connections, c)
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("without --rules the running daemon is asked: %w", err)
	}
	return s, nil
}

// flow is one packet in words, or a command, and where it stands.
type flow struct {
	source string
	words  explain.Words
	rule   string // "": a packet
}

// readFlows reads the arguments, or the lines of a file if it has a name. All of
// them are read before the first is explained.
func readFlows(name string, args []string) (all []flow, err error) {
	for i, a := range args {
		if all, err = addFlow(all, fmt.Sprintf("flow %d", i+1), a); err != nil {
			return nil, err
		}
	}
	if name == "" {
		return all, nil
	}
	text, err := readInput(name)
	if err != nil {
		return nil, err
	}
	if name == "-" {
		name = "standard input"
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if all, err = addFlow(all, fmt.Sprintf("%s:%d", name, n), line); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func addFlow(all []flow, source, text string) ([]flow, error) {
	if explain.IsRule(text) {
		return append(all, flow{source: source, rule: text}), nil
	}
	w, err := explain.ParseWords(text)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", source, err)}
	}
	return append(all, flow{source: source, words: w}), nil
}

// explainFlows explains packets in words, from time 0 on.
func explainFlows(e *explain.Engine, p explain.Printer, all []flow, names explain.Names) (err error) {
	now, first := time.Duration(0), true
	for _, f := range all {
		if f.rule != "" {
			if err := e.Rule(f.rule, names); err != nil {
				return usageError{fmt.Errorf("%s: %w", f.source, err)}
			}
			continue
		}
		if first {
			now, first = -f.words.Delay, false
		}
		now = f.words.Packets(f.source, now, func(one *explain.Packet) {
			if err == nil {
				err = p.Print(e.Explain(one))
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// explainCapture explains the packets of the capture.
func (f *explainFlags) explainCapture(e *explain.Engine, p explain.Printer) error {
	from := io.Reader(os.Stdin)
	if f.pcap != "-" {
		file, err := os.Open(f.pcap)
		if err != nil {
			return usageError{err}
		}
		defer file.Close()
		from = file
	}
	c, err := explain.OpenCapture(f.pcap, from)
	if err != nil {
		return err
	}
	for {
		one, err := c.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.Print(e.Explain(one)); err != nil {
			return err
		}
	}
}
