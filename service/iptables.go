package service

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// EditMarksByIptables returns the rules after an iptables(8) command on the
// chain PREROUTING of the table mangle whose target is MARK, as guides for
// fwmark services have them:
//
//	-t mangle -A PREROUTING -d 198.51.100.1 -p tcp -m multiport --dports 80,443 -j MARK --set-mark 1
//
// The word iptables or ip6tables may stand before it: then a rule without an
// address is for that family only, and -F leaves those of the other. In that chain the last rule that
// matches sets the mark, in ours the first: so -A puts a rule first and -I
// last. A list of ports becomes a rule for each. What cannot be carried over is
// an error that names the word.
func EditMarksByIptables(rules []MarkRule, words []string) ([]MarkRule, error) {
	p := iptables{}
	if len(words) > 0 && p.program(words[0]) {
		words = words[1:]
	}
	for len(words) > 0 {
		used, err := p.word(words[0], words[1:])
		if err != nil {
			return nil, fmt.Errorf("iptables: %w", err)
		}
		words = words[1+used:]
	}
	out, err := p.apply(rules)
	if err != nil {
		return nil, fmt.Errorf("iptables: %w", err)
	}
	return out, nil
}

// iptables is a command as far as it has been read.
type iptables struct {
	ruleParser
	command        string // "-A", "-I", "-D", "-F"
	target         string
	sports, dports []PortRange  // of multiport
	everywhere     netip.Prefix // all addresses of the program's family
}

// program takes the name of a program, if word is one.
func (p *iptables) program(word string) bool {
	switch {
	case strings.HasPrefix(word, "iptables"):
		p.everywhere = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	case strings.HasPrefix(word, "ip6tables"):
		p.everywhere = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	default:
		return false
	}
	return true
}

// flush returns the rules that -F leaves: those for the other family alone.
func (p *iptables) flush(rules []MarkRule) (left []MarkRule) {
	if !p.everywhere.IsValid() {
		return nil
	}
	for _, r := range rules {
		if only6 := !r.Is4(); only6 == p.everywhere.Addr().Is4() {
			left = append(left, r)
		}
	}
	return left
}

// iptablesOptions are the spellings of what is not an option of ParseMarkRule
// too, the short one first.
var iptablesOptions = map[string]string{
	"-A": "-A", "--append": "-A", "-I": "-I", "--insert": "-I", "-D": "-D", "--delete": "-D", "-F": "-F", "--flush": "-F",
	"-t": "-t", "--table": "-t", "-j": "-j", "--jump": "-j", "-m": "-m", "--match": "-m", "-w": "-w", "--wait": "-w",
	"--set-mark": "--set-mark", "--set-xmark": "--set-mark", "--comment": "--comment",
	"--dports": "--dports", "--destination-ports": "--dports", "--sports": "--sports", "--source-ports": "--sports",
}

// word takes one word and what belongs to it, and returns how many words of
// rest that was.
func (p *iptables) word(word string, rest []string) (used int, err error) {
	name := iptablesOptions[word]
	switch name {
	case "":
		if !strings.HasPrefix(word, "-") {
			return 0, invalid("word", word, "options of a rule that ends in -j MARK --set-mark N; no \"!\"")
		}
		return p.option(word, rest)
	case "-w":
		return min(1, numbers(rest)), nil
	case "-F":
		p.command = "-F"
		if len(rest) == 0 {
			return 0, nil
		}
	}
	if len(rest) == 0 {
		return 0, missing(word, "a value behind it")
	}
	return 1, p.value(name, word, rest[0], rest[1:])
}

// numbers counts the words at the front that are numbers.
func numbers(words []string) (n int) {
	for n < len(words) {
		if _, err := strconv.Atoi(words[n]); err != nil {
			break
		}
		n++
	}
	return n
}

// value stores the value of an option that takes one.
func (p *iptables) value(name, word, value string, rest []string) (err error) {
	expect := func(accepted ...string) error {
		if slices.Contains(accepted, value) {
			return nil
		}
		return invalid(word, value, strings.Join(accepted, ", "))
	}
	switch name {
	case "-t":
		return expect("mangle")
	case "-A", "-I", "-D", "-F":
		p.command = name
		if numbers(rest) > 0 {
			return invalid(word+" "+value, rest[0], "a rule, not a number: see ulvs mark insert and del")
		}
		return expect("PREROUTING")
	case "-m":
		return expect("tcp", "udp", "sctp", "multiport", "comment")
	case "-j":
		p.target = value
		return expect("MARK")
	case "--set-mark":
		return p.setMark(word, value)
	case "--dports":
		p.dports, err = parsePortList(word, value)
	case "--sports":
		p.sports, err = parsePortList(word, value)
	}
	return err
}

// setMark reads "1", "0x1" or either with a full mask.
func (p *iptables) setMark(word, value string) (err error) {
	mark, mask, masked := strings.Cut(value, "/")
	if m, err := parseMark(word, mask); masked && (err != nil || m != 1<<32-1) {
		return invalid(word, value, "a whole mark: no mask but 0xffffffff")
	}
	p.rule.Mark, err = parseMark(word, mark)
	p.marked = true
	return err
}

func parsePortList(arg, s string) (list []PortRange, err error) {
	for _, word := range strings.Split(s, ",") {
		r, err := parsePorts(arg, word)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// expand returns the rules that the command is about.
func (p *iptables) expand() (all []MarkRule, err error) {
	if p.target == "" || !p.marked {
		return nil, missing("target", "-j MARK --set-mark N")
	}
	one := func(list []PortRange, ports PortRange) []PortRange {
		if list == nil {
			return []PortRange{ports}
		}
		return list
	}
	for _, s := range one(p.sports, p.rule.SourcePorts) {
		for _, d := range one(p.dports, p.rule.DestinationPorts) {
			r := p.rule
			r.SourcePorts, r.DestinationPorts = s, d
			if !r.Source.IsValid() && !r.Destination.IsValid() {
				r.Destination = p.everywhere
			}
			if r, err = r.Normalize(); err != nil {
				return nil, err
			}
			all = append(all, r)
		}
	}
	return all, nil
}

// apply does the command.
func (p *iptables) apply(rules []MarkRule) ([]MarkRule, error) {
	if p.command == "-F" {
		return p.flush(rules), nil
	}
	if p.command == "" {
		return nil, missing("command", "-A, -I, -D or -F with the chain PREROUTING")
	}
	mine, err := p.expand()
	if err != nil {
		return nil, err
	}
	switch p.command {
	case "-A":
		return append(mine, rules...), nil
	case "-I":
		return append(slices.Clone(rules), mine...), nil
	}
	return DeleteMarks(rules, mine...)
}

// DeleteMarks returns the rules without these, of equal ones the last. Error:
// ErrNoMark.
func DeleteMarks(rules []MarkRule, gone ...MarkRule) ([]MarkRule, error) {
	rules = slices.Clone(rules)
	for _, g := range gone {
		i := len(rules) - 1
		for i >= 0 && rules[i] != g {
			i--
		}
		if i < 0 {
			return nil, fmt.Errorf("delete mark rule %v: %w", g, ErrNoMark)
		}
		rules = slices.Delete(rules, i, i+1)
	}
	return rules, nil
}
