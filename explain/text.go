package explain

import (
	"fmt"
	"io"
	"strings"
)

// Text prints Records in full, an empty line between two.
type Text struct {
	w     io.Writer
	style Style
	any   bool
	b     strings.Builder
}

// NewText prints to w.
func NewText(w io.Writer, s Style) *Text { return &Text{w: w, style: s} }

// Print prints one Record.
func (t *Text) Print(r *Record) error {
	t.b.Reset()
	if t.any {
		t.b.WriteByte('\n')
	}
	t.any = true
	t.head(r)
	t.connection(r)
	t.pick(r.Pick)
	t.state(r)
	for i := range r.Sent {
		t.sent(r, i)
	}
	t.hop(r.Hop)
	t.line("verdict", "%s", t.style.verdict(r.Verdict, r.Reason)+": "+r.Meaning)
	t.line("", "%s", t.style.faint("hint: "+r.Hint))
	_, err := io.WriteString(t.w, t.b.String())
	return err
}

// Close ends the printing.
func (t *Text) Close() error { return nil }

// label is the width of the names on the left.
const label = 12

// line prints a line under a name.
func (t *Text) line(name, format string, args ...any) {
	pad := strings.Repeat(" ", label-len(name))
	t.b.WriteString(t.style.strong(name) + pad + fmt.Sprintf(format, args...) + "\n")
}

func (t *Text) head(r *Record) {
	t.line("packet", "%d  %s  +%.6f s, from %s", r.Number, r.Source, r.Time, r.In)
	t.line("parsed", "%s", r.Packet.Summary)
	if r.Packet.Fault != "" {
		t.line("", "fault: %s", r.Packet.Fault)
	}
}

// connection prints the service, the template and the look-ups.
func (t *Text) connection(r *Record) {
	if s := r.Service; s != nil && s.Name == "" {
		t.line("service", "none: %s", s.Why)
	} else if s != nil && s.Scheduler == "" {
		t.line("service", "%s: %s", s.Name, s.Why)
	} else if s != nil {
		t.line("service", "%s, scheduler %s: %s", s.Name, s.Scheduler, s.Why)
	}
	switch s := r.Template; {
	case s == nil:
	case s.Found:
		t.line("template", "of %s: its server is taken; lives for %s more", s.Client, seconds(s.Timeout))
	case s.Timeout > 0:
		t.line("template", "none of %s: the scheduler is asked, and one made for %s", s.Client, seconds(s.Timeout))
	default:
		t.line("template", "none of %s, and none made", s.Client)
	}
	name := "connection"
	for _, l := range r.Lookups {
		between := l.Client + " to the virtual end " + l.Other
		if l.As == "server" {
			between = l.Client + " from the real end " + l.Other
		}
		t.line(name, "of client %s: %s", between, l.Outcome)
		name = ""
	}
}

// pick prints the scheduler's table.
func (t *Text) pick(p *Pick) {
	if p == nil {
		return
	}
	t.line("scheduler", "%s: %s", p.Scheduler, p.Rule)
	for _, f := range p.Facts {
		t.line("", "%s: %s", f.Name, f.Value)
	}
	if p.Formula != "" {
		t.line("", "formula: %s", p.Formula)
	}
	width := len("server")
	for _, c := range p.Servers {
		width = max(width, len(c.Server))
	}
	t.line("", "%s", t.style.faint(fmt.Sprintf("%-*s %8s %8s %8s", width, "server", "weight", "active", "inactive")))
	for _, c := range p.Servers {
		row := fmt.Sprintf("%-*s %8d %8d %8d", width, c.Server, c.Weight, c.Active, c.Inactive)
		if c.Term != "" {
			row += fmt.Sprintf("   %s = %.3f", c.Term, *c.Value)
		}
		switch {
		case c.Chosen:
			row = t.style.new(row + "   <- chosen: " + p.Why)
		case c.Excluded != "":
			row = t.style.faint(row + "   not: " + c.Excluded)
		}
		t.line("", "%s", row)
	}
	if !chosen(p) {
		t.line("", "nobody is chosen: %s", p.Why)
	}
}

func chosen(p *Pick) bool {
	for _, c := range p.Servers {
		if c.Chosen {
			return true
		}
	}
	return false
}

// state prints the connection's state and server.
func (t *Text) state(r *Record) {
	if s := r.State; s != nil {
		what := ""
		if s.New {
			what = ", a new connection"
		}
		counts := "inactive"
		if s.Active {
			counts = "active"
		}
		t.line("state", "%s %s -> %s%s; ends in %s without another packet; counts as %s",
			s.Protocol, s.From, s.To, what, seconds(s.Timeout), counts)
	}
	if s := r.Server; s != nil && s.To != "" {
		t.line("server", "%s by %s, rewritten to %s", s.Addr, s.Method, s.To)
	} else if s != nil {
		t.line("server", "%s by %s", s.Addr, s.Method)
	}
}

// sent prints a frame that leaves: what changed, or what it is.
func (t *Text) sent(r *Record, i int) {
	s := &r.Sent[i]
	if s.Changes == nil {
		t.line("sent", "%d of %d by %s: %s", i+1, len(r.Sent), s.Port, s.Summary)
		if len(r.Sent) == 1 {
			t.dump(s.data)
		}
		return
	}
	if s.Tunnel != "" {
		t.line("tunnel", "%d bytes before the packet: %s", s.Added, s.Tunnel)
	}
	name := "rewrite"
	for _, c := range s.Changes {
		t.line(name, "%-22s %s -> %s", c.Field, t.style.old(c.From), t.style.new(c.To))
		name = ""
	}
	for _, sum := range s.Sums {
		t.sum(&sum)
	}
	t.diff(r.Packet.data, s.data, s.Added)
}

// sum prints the arithmetic of a checksum.
func (t *Text) sum(s *Sum) {
	t.line("checksum", "%s, by RFC 1624: HC' = ~(~HC + ~m + m' ...)", s.Of)
	t.line("", "  %-22s HC 0x%04x            ~HC     0x%04x", "before", s.Old, ^s.Old)
	acc := uint32(^s.Old)
	for _, w := range s.Words {
		acc += uint32(^w.From) + uint32(w.To)
		t.line("", "  %-22s 0x%04x -> 0x%04x     ~m + m' 0x%04x + 0x%04x", w.Name, w.From, w.To, ^w.From, w.To)
	}
	text := fmt.Sprintf("  %-22s 0x%x, folded 0x%04x, HC' = 0x%04x", "sum", acc, fold(acc), ^fold(acc))
	if s.Note != "" {
		text += "; " + s.Note
	}
	if s.New == s.Frame {
		t.line("", "%s, as in the frame", text)
	} else {
		t.line("", "%s; the frame has 0x%04x, summed anew", text, s.Frame)
	}
}

// fold adds the carries in.
func fold(acc uint32) uint16 {
	for acc > 0xffff {
		acc = acc>>16 + acc&0xffff
	}
	return uint16(acc)
}

func (t *Text) hop(h *Hop) {
	switch {
	case h == nil:
	case h.Port == "":
		t.line("next hop", "for %s: %s", h.For, h.Status)
	default:
		t.line("next hop", "for %s: %s by %s, MTU %d (%s)", h.For, h.MAC, h.Port, h.MTU, h.Status)
	}
}
