package explain

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"ulvs/ipvsadm"
	"ulvs/service"
)

// Names are the names that rules may use: ipvsadm's.
type Names = ipvsadm.Names

// LoadRules does the commands of a rules file, as ipvsadm-save writes it: a
// command a line, with or without the word ipvsadm, comments after #. The error
// names the line.
func (e *Engine) LoadRules(name, text string, names Names) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		if err := e.Rule(line, names); err != nil {
			return inputError("%s:%d: %w", printable(name), n, err)
		}
	}
	return nil
}

// IsRule reports whether a line is a command and no packet: it begins with the
// word ipvsadm.
func IsRule(line string) bool {
	words := strings.Fields(line)
	return len(words) > 0 && words[0] == "ipvsadm"
}

// Rule does one command, with or without the word ipvsadm.
func (e *Engine) Rule(line string, names Names) error {
	words := strings.Fields(line)
	for len(words) > 0 && ipvsadm.IsFace(words[0]) {
		words = words[1:]
	}
	if err := e.rule(words, names); err != nil {
		return fmt.Errorf("%s: %s", printable(strings.Join(words, " ")), oneLine(err))
	}
	return nil
}

// rule is Rule for words.
func (e *Engine) rule(words []string, names Names) error {
	req, err := ipvsadm.Parse("ipvsadm", words, names)
	if err != nil {
		return err
	}
	if c, ok := req.Change(); ok {
		return e.Apply(c)
	}
	if t := req.Timeouts; req.Command == ipvsadm.Set {
		return e.d.Timeouts().Set(t.TCP, t.TCPFin, t.UDP)
	}
	return fmt.Errorf("want a command that changes rules: -A, -E, -D, -a, -e, -d, -C or --set")
}

// oneLine is an error's first line, fit for a terminal.
func oneLine(err error) string {
	text, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return printable(text)
}

// printable quotes a text that could do something to a terminal.
func printable(s string) string {
	if q := strconv.Quote(s); q[1:len(q)-1] != strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`) {
		return q
	}
	return s
}

// Numeric is names for rules that have none: those of ipvsadm-save -n.
type Numeric struct{}

// HostName implements Names.
func (Numeric) HostName(netip.Addr) string { return "" }

// HostAddr implements Names.
func (Numeric) HostAddr(string) (netip.Addr, bool) { return netip.Addr{}, false }

// PortName implements Names.
func (Numeric) PortName(uint16, service.Protocol) string { return "" }

// Port implements Names.
func (Numeric) Port(string, service.Protocol) (uint16, bool) { return 0, false }
