package service

import (
	"fmt"
	"net/netip"
	"slices"
)

// Marks returns the rules that give packets firewall marks, the first match
// first. Read only.
func (t *Table) Marks() []MarkRule { return slices.Clip(t.marks) }

// SetMarks returns the table with these rules in place of all that it had.
// Errors: ErrInvalid.
func (t *Table) SetMarks(rules []MarkRule) (*Table, error) {
	if len(rules) > MaxMarkRules {
		return nil, fmt.Errorf("set mark rules: %w", invalid("number of rules", len(rules), fmt.Sprintf("at most %d", MaxMarkRules)))
	}
	out := make([]MarkRule, len(rules))
	for i, r := range rules {
		var err error
		if out[i], err = r.Normalize(); err != nil {
			return nil, fmt.Errorf("set mark rules: rule %d (%v): %w", i+1, r, err)
		}
	}
	return &Table{entries: t.entries, marks: out}, nil
}

// Marked returns the service of the mark that r gives to packets of IPv6 or of
// IPv4, nil if there is none.
func (t *Table) Marked(r *MarkRule, ipv6 bool) *Entry {
	if r.Mark == 0 || ipv6 && !r.Is6() || !ipv6 && !r.Is4() {
		return nil
	}
	return t.Find(Key{Mark: r.Mark, IPv6: ipv6})
}

// VirtualAddresses returns the addresses that are virtual, each once: those of
// the services, and those that a rule gives the mark of a service for every
// client. A prefix or a rule for some clients does not make its addresses
// virtual: they may be other hosts'.
func (t *Table) VirtualAddresses() (all []netip.Addr) {
	seen := map[netip.Addr]bool{}
	add := func(a netip.Addr) {
		if !seen[a] {
			seen[a] = true
			all = append(all, a)
		}
	}
	for i := range t.entries {
		if a := t.entries[i].Addr; a.IsValid() {
			add(a)
		}
	}
	for i := range t.marks {
		r := &t.marks[i]
		if a, ok := r.VirtualAddress(); ok && t.Marked(r, a.Is6()) != nil {
			add(a)
		}
	}
	return all
}
