package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ulvs/control"
	"ulvs/control/api"
	"ulvs/service"
)

const markHelp = `A packet socket does not see the marks that iptables or nftables give to packets.
For services that ipvsadm names by a firewall mark (-f N) ulvs assigns marks
itself: to packets of new connections, by a list of rules. The first rule that
matches decides.

A rule is written

  [-p tcp|udp|sctp|all] [-s PREFIX] [-d PREFIX] [--sport A[:B]] [--dport A[:B]] [-i INTERFACE] MARK

What is left out matches everything, a rule without addresses IPv4 and IPv6; ports
need a protocol. MARK 0 marks
nothing: the rule keeps its packets from those below it. An address that a rule
names alone, for all clients, is a virtual address: ulvs answers ARP for it. Of a
prefix it does not; route it to the director. Replies and packets of known
connections are not looked at.

Rules take effect at once, all services stay as they are. Like services they
are gone when the daemon ends: keep them with save, bring them back with load.`

const markExample = `  HTTP and HTTPS as one service, each client with the same server for both:

    ulvs mark add -p tcp -d 198.51.100.1 --dport 80 1
    ulvs mark add -p tcp -d 198.51.100.1 --dport 443 1
    ipvsadm -A -f 1 -s wlc -p 600
    ipvsadm -a -f 1 -r 192.0.2.11 -m
    ipvsadm -a -f 1 -r 192.0.2.12 -m`

// markCommand edits the rules that give packets firewall marks.
func markCommand() *cobra.Command {
	m := &marker{}
	c := &cobra.Command{
		Use:     "mark",
		Short:   "give packets firewall marks, for services by ipvsadm -f",
		Long:    markHelp,
		Example: markExample,
		Args:    noFace,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	socketFlag(c.PersistentFlags(), &m.socket)
	c.AddCommand(
		m.words("add RULE", "add a rule behind all others", m.add),
		m.words("insert [N] RULE", "insert a rule before rule N, the first if no N is given", m.insert),
		m.words("del N|RULE", "delete rule N, or the rule that reads so", m.del),
		m.words("iptables ARGS...", "do what an iptables command with the target MARK does", m.iptables("iptables")),
		m.words("ip6tables ARGS...", "the same of ip6tables", m.iptables("ip6tables")),
		m.plain("flush", "delete all rules", func(*control.Env) error {
			return m.edit(func([]service.MarkRule) ([]service.MarkRule, error) { return nil, nil })
		}),
		m.plain("save", "print the rules as load reads them", func(e *control.Env) error { return m.save(e, os.Stdout) }),
		m.list(), m.load(),
	)
	return c
}

// marker is what the sub-commands share.
type marker struct{ socket string }

// words makes a sub-command whose arguments have a grammar of their own.
func (m *marker) words(use, short string, run func(args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, DisableFlagParsing: true, DisableFlagsInUseLine: true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 || slices.Contains(args, "--help") || slices.Contains(args, "-h") {
				return c.Parent().Help()
			}
			if at := slices.Index(args, "--socket"); at >= 0 && at+1 < len(args) {
				m.socket = args[at+1]
				args = slices.Delete(slices.Clone(args), at, at+2)
			}
			return run(args)
		},
	}
}

// plain makes a sub-command without arguments.
func (m *marker) plain(use, short string, run func(*control.Env) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: noArgs, RunE: func(*cobra.Command, []string) error { return m.with(run) }}
}

// with runs f with an Env. As in ipvsadm, signals end it as they end any
// command.
func (m *marker) with(f func(*control.Env) error) error {
	e, err := control.NewEnv(context.Background(), control.StartOptions{Socket: m.socket})
	if err != nil {
		return err
	}
	defer e.Close()
	return f(e)
}

// edit changes the list of rules; what edit says about words is a usage error.
func (m *marker) edit(edit func([]service.MarkRule) ([]service.MarkRule, error)) error {
	return m.with(func(e *control.Env) error {
		return e.EditMarks(func(rules []service.MarkRule) ([]service.MarkRule, error) {
			out, err := edit(slices.Clone(rules))
			if errors.Is(err, service.ErrInvalid) {
				err = usageError{err}
			}
			return out, err
		})
	})
}

func (m *marker) add(args []string) error {
	return m.edit(func(rules []service.MarkRule) ([]service.MarkRule, error) {
		r, err := service.ParseMarkRule(args)
		return append(rules, r), err
	})
}

func (m *marker) insert(args []string) error {
	return m.edit(func(rules []service.MarkRule) ([]service.MarkRule, error) {
		at := 1
		if n, err := strconv.Atoi(args[0]); err == nil && len(args) > 1 {
			if n < 1 || n > len(rules)+1 {
				return nil, usageError{fmt.Errorf("mark insert: %d: there are %d rules, insert takes 1 to %d", n, len(rules), len(rules)+1)}
			}
			at, args = n, args[1:]
		}
		r, err := service.ParseMarkRule(args)
		if err != nil {
			return nil, err
		}
		return slices.Insert(rules, at-1, r), nil
	})
}

func (m *marker) del(args []string) error {
	return m.edit(func(rules []service.MarkRule) ([]service.MarkRule, error) {
		if n, err := strconv.Atoi(args[0]); err == nil && len(args) == 1 {
			if n < 1 || n > len(rules) {
				return nil, fmt.Errorf("mark del: there is no rule %d, there are %d", n, len(rules))
			}
			return slices.Delete(rules, n-1, n), nil
		}
		r, err := service.ParseMarkRule(args)
		if err != nil {
			return nil, err
		}
		return service.DeleteMarks(rules, r)
	})
}

// iptables returns what does a command of iptables or ip6tables, whose name may
// be written twice.
func (m *marker) iptables(program string) func(args []string) error {
	return func(args []string) error {
		if len(args) == 0 || strings.HasPrefix(args[0], "-") {
			args = append([]string{program}, args...)
		}
		return m.edit(func(rules []service.MarkRule) ([]service.MarkRule, error) {
			return service.EditMarksByIptables(rules, args)
		})
	}
}

// save prints the rules, one a line.
func (m *marker) save(e *control.Env, w io.Writer) error {
	rules, err := e.Marks()
	for _, r := range rules {
		fmt.Fprintln(w, r)
	}
	return err
}

// list prints the rules with their numbers, and which of them lead nowhere.
func (m *marker) list() *cobra.Command {
	var asJSON bool
	c := m.plain("list", "list the rules with their numbers", func(e *control.Env) error {
		rules, err := e.Marks()
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(os.Stdout, api.Marks{Rules: append([]service.MarkRule{}, rules...)})
		}
		s, err := e.State()
		if err != nil {
			return err
		}
		printMarks(os.Stdout, rules, s)
		return nil
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printMarks(w io.Writer, rules []service.MarkRule, s *api.State) {
	for i, r := range rules {
		note := ""
		leadsTo := func(v api.ServiceState) bool {
			return v.Mark == r.Mark && (v.IPv6 && r.Is6() || !v.IPv6 && r.Is4())
		}
		if r.Mark != 0 && !slices.ContainsFunc(s.Services, leadsTo) {
			note = fmt.Sprintf("  # there is no service -f %d", r.Mark)
			if !r.Is4() {
				note += " -6"
			}
		}
		fmt.Fprintf(w, "%3d  %v%s\n", i+1, r, note)
	}
}

// load replaces all rules by those of a file.
func (m *marker) load() *cobra.Command {
	var file string
	c := m.plain("load", "replace all rules by those of a file, one a line", func(e *control.Env) error {
		if file == "" {
			return usageError{errors.New("mark load: -f FILE is missing; - is standard input")}
		}
		text, err := readInput(file)
		if err != nil {
			return err
		}
		rules, err := parseMarks(file, string(text))
		if err != nil {
			return usageError{err}
		}
		return e.Apply(service.Change{Op: service.SetMarks, Marks: rules})
	})
	c.Flags().StringVarP(&file, "file", "f", "", "file to read, - for standard input")
	return c
}

// parseMarks reads rules, one a line; empty lines and those that begin with #
// are left out.
func parseMarks(file, text string) (rules []service.MarkRule, err error) {
	for i, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		r, err := service.ParseMarkRule(words)
		if err != nil {
			return nil, fmt.Errorf("mark load: %s:%d: %w", file, i+1, err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}
