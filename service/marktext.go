package service

import (
	"net/netip"
	"strconv"
	"strings"
)

// String returns the rule as ParseMarkRule reads it:
// "-p tcp -d 198.51.100.1 --dport 80 1".
func (r MarkRule) String() string {
	var words []string
	add := func(option, value string) {
		if value != "" {
			words = append(words, option, value)
		}
	}
	if r.Protocol != AnyProtocol {
		add("-p", strings.ToLower(r.Protocol.String()))
	}
	add("-s", prefixText(r.Source))
	add("-d", prefixText(r.Destination))
	add("--sport", r.SourcePorts.String())
	add("--dport", r.DestinationPorts.String())
	add("-i", r.Interface)
	return strings.Join(append(words, strconv.FormatUint(uint64(r.Mark), 10)), " ")
}

// prefixText leaves out the length of a single address.
func prefixText(p netip.Prefix) string {
	switch {
	case !p.IsValid():
		return ""
	case p.IsSingleIP():
		return p.Addr().String()
	}
	return p.String()
}

// ParseMarkRule reads a rule in the words of String, in any order; the mark,
// decimal or with 0x, is the word without an option. The errors name the word.
func ParseMarkRule(words []string) (MarkRule, error) {
	p := ruleParser{}
	for i := 0; i < len(words); i++ {
		if !strings.HasPrefix(words[i], "-") {
			if err := p.markWord(words[i]); err != nil {
				return MarkRule{}, err
			}
			continue
		}
		used, err := p.option(words[i], words[i+1:])
		if err != nil {
			return MarkRule{}, err
		}
		i += used
	}
	if !p.marked {
		return MarkRule{}, missing("mark", "a number at the end of the rule, 0 to 4294967295")
	}
	return p.rule.Normalize()
}

// ruleParser collects a rule. seen holds the options that were given, under
// their short names: twice is a mistake.
type ruleParser struct {
	rule   MarkRule
	marked bool
	seen   []string
}

// markWord is the mark.
func (p *ruleParser) markWord(word string) (err error) {
	if p.marked {
		return invalid("word", word, "options and one mark")
	}
	p.rule.Mark, err = parseMark("mark", word)
	p.marked = true
	return err
}

// missing is the error of a value that was not given.
func missing(arg, accepted string) error { return invalid(arg, "", accepted) }

// parseMark reads a mark, decimal or hexadecimal.
func parseMark(arg, s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil || strings.Contains(s, "_") {
		return 0, invalid(arg, s, "a number from 0 to 4294967295, decimal or with 0x")
	}
	return uint32(n), nil
}

// ruleOptions are the spellings of each option, that of String first.
var ruleOptions = [][]string{
	{"-p", "--protocol", "--proto"},
	{"-s", "--source", "--src"},
	{"-d", "--destination", "--dst"},
	{"--sport", "--source-port"},
	{"--dport", "--destination-port"},
	{"-i", "--in-interface"},
}

// optionName returns the first spelling of an option, "" if there is none.
func optionName(word string) string {
	for _, names := range ruleOptions {
		for _, n := range names {
			if n == word {
				return names[0]
			}
		}
	}
	return ""
}

// option takes an option and its value, which is behind a "=" or the first of
// rest, and returns how many words of rest it used.
func (p *ruleParser) option(word string, rest []string) (used int, err error) {
	word, value, joined := strings.Cut(word, "=")
	name := optionName(word)
	switch {
	case name == "":
		return 0, invalid("option", word, "-p -s -d --sport --dport -i")
	case !joined && (len(rest) == 0 || strings.HasPrefix(rest[0], "-")):
		return 0, missing(word, "a value behind it")
	case !joined:
		value, used = rest[0], 1
	}
	for _, s := range p.seen {
		if s == name {
			return 0, invalid("option", word, "each option once")
		}
	}
	p.seen = append(p.seen, name)
	return used, p.set(name, word, value)
}

// set stores the value of an option.
func (p *ruleParser) set(name, word, value string) (err error) {
	r := &p.rule
	switch name {
	case "-p":
		r.Protocol, err = parseRuleProtocol(word, value)
	case "-s":
		r.Source, err = parsePrefix(word, value)
	case "-d":
		r.Destination, err = parsePrefix(word, value)
	case "--sport":
		r.SourcePorts, err = parsePorts(word, value)
	case "--dport":
		r.DestinationPorts, err = parsePorts(word, value)
	case "-i":
		if r.Interface = value; value == "" {
			err = missing(word, "the name of one interface")
		}
	}
	return err
}

// parseRuleProtocol reads a protocol's name or number, "all" for any.
func parseRuleProtocol(arg, s string) (Protocol, error) {
	if n, err := strconv.ParseUint(s, 10, 8); err == nil {
		s = Protocol(n).String()
	}
	if strings.EqualFold(s, "all") {
		return AnyProtocol, nil
	}
	p, err := ParseProtocol(s)
	if err != nil || s == "" {
		return 0, invalid(arg, s, "tcp, udp, sctp, all")
	}
	return p, nil
}

// parsePrefix reads an address, ADDRESS/LENGTH, or ADDRESS/MASK of IPv4.
func parsePrefix(arg, s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return canonicalPrefix(arg, p)
	}
	addr, mask, _ := strings.Cut(s, "/")
	a, err := netip.ParseAddr(addr)
	m, err2 := netip.ParseAddr(mask)
	if err != nil || err2 != nil || !a.Is4() {
		return netip.Prefix{}, invalid(arg, s, "an address or ADDRESS/LENGTH")
	}
	n, ok := prefixLen(m)
	if !ok && !(m.Is4() && m.IsUnspecified()) {
		return netip.Prefix{}, invalid(arg, s, "a mask without gaps")
	}
	return netip.PrefixFrom(a, n).Masked(), nil
}
