package sched_test

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ulvs/sched"
	"ulvs/wire"
)

// ours are the schedulers that are not in ip_vs.
var ours = []string{"p2c", "random", "rdv"}

// section is what docs/schedulers.md says of one scheduler.
type section struct {
	title, text string
	examples    []example
}

// example is a fenced block of the kind example: values by key.
type example map[string][]string

// readSections returns the sections by the first word of their titles.
func readSections(t *testing.T) map[string]*section {
	t.Helper()
	text, err := os.ReadFile("../docs/schedulers.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*section{}
	for i, part := range strings.Split(string(text), "\n## ") {
		title, body, _ := strings.Cut(part, "\n")
		name, _, _ := strings.Cut(title, " ")
		if out[name] != nil {
			t.Errorf("two sections are called %s", name)
		}
		if i > 0 {
			out[name] = &section{title: title, text: body, examples: readExamples(t, body)}
		}
	}
	return out
}

var fence = regexp.MustCompile("(?ms)^```example\n(.*?)^```$")

func readExamples(t *testing.T, text string) (out []example) {
	t.Helper()
	for _, block := range fence.FindAllStringSubmatch(text, -1) {
		e := example{}
		for line := range strings.Lines(block[1]) {
			key, values, ok := strings.Cut(line, ":")
			if !ok || e[key] != nil || !slices.Contains(exampleKeys, key) {
				t.Errorf("line %q: want one of %v, each once, a colon and values", line, exampleKeys)
			}
			e[key] = strings.Fields(values)
		}
		out = append(out, e)
	}
	return out
}

var exampleKeys = strings.Fields("weights quiesced closed active inactive flags seed clients virtual then picks")

// TestDocs demands a section of docs/schedulers.md for every scheduler, with
// its parts, and runs its examples.
func TestDocs(t *testing.T) {
	sections := readSections(t)
	for _, name := range sched.Names() {
		t.Run(name, func(t *testing.T) {
			s := sections[name]
			if s == nil {
				t.Fatalf("docs/schedulers.md: no section %q: add one with rule, formula, example, use, cost", name)
			}
			parts := []string{"**Rule.**", "**Formula.**", "**Use.**", "**Cost.**"}
			title := name
			if slices.Contains(ours, name) {
				title += " (ours)"
			} else {
				parts = append(parts, "**Source.** ip_vs_"+name+".c")
			}
			if s.title != title {
				t.Errorf("title %q, want %q", s.title, title)
			}
			for _, part := range parts {
				if !strings.Contains(s.text, part) {
					t.Errorf("section %s has no %s", name, part)
				}
			}
			if len(s.examples) == 0 {
				t.Errorf("section %s has no example", name)
			}
			for i, e := range s.examples {
				if got, want := e.run(t, name), strings.Join(e["picks"], " "); got != want {
					t.Errorf("example %d: picks %s, the document says %s", i+1, got, want)
				}
			}
		})
	}
}

var shown = regexp.MustCompile("(?ms)^```explanation\n(.*?)^\n(.*?)^```$")

// TestDocsExplanation: the explanation that docs/schedulers.md shows is that of
// wlc.
func TestDocsExplanation(t *testing.T) {
	text, err := os.ReadFile("../docs/schedulers.md")
	if err != nil {
		t.Fatal(err)
	}
	m := shown.FindStringSubmatch(string(text))
	if m == nil {
		t.Fatal("docs/schedulers.md shows no explanation")
	}
	s := maker(t, "wlc")()
	readExamples(t, "```example\n"+m[1]+"```")[0].servers(t, s)
	if got := explanationText(s.(sched.Explainer).Explain(&sched.Flow{})); got != m[2] {
		t.Errorf("docs/schedulers.md shows\n%s\nand it is\n%s", m[2], got)
	}
}

// explanationText writes an explanation as docs/schedulers.md does.
func explanationText(e sched.Explanation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "rule     %s\nformula  %s\nserver            weight  active  inactive\n", e.Rule, e.Formula)
	for _, c := range e.Candidates {
		fmt.Fprintf(&b, "%s:%d  %8d  %6d  %8d  ", c.Server.Addr, c.Server.Port, c.Weight, c.Active, c.Inactive)
		if c.Excluded != "" {
			fmt.Fprintln(&b, c.Excluded)
		} else {
			fmt.Fprintf(&b, "%s = %.3f\n", c.Term, c.Value)
		}
	}
	s := e.Candidates[e.Chosen].Server
	fmt.Fprintf(&b, "chosen   %s:%d: %s\n", s.Addr, s.Port, e.Why)
	return b.String()
}

const examplePicks = 6

// run picks as the example says and returns the picks as it writes them.
func (e example) run(t *testing.T, name string) string {
	t.Helper()
	s, err := sched.New(name, sched.Config{Flags: e["flags"], Seed: uint64(e.number(t, "seed", 0))})
	if err != nil {
		t.Fatal(err)
	}
	list := e.servers(t, s)
	var picks []string
	for i := range examplePicks {
		srv := s.Pick(e.flow(t, i))
		if srv == nil {
			picks = append(picks, "-")
			continue
		}
		picks = append(picks, fmt.Sprint(srv.ID))
		srv.Bind()
		if !slices.Contains(e["then"], "closed") {
			srv.Activate()
		}
	}
	if len(list) == 0 {
		t.Errorf("%v: no servers", e)
	}
	return strings.Join(picks, " ")
}

// servers adds the servers and brings them into the state of the example.
func (e example) servers(t *testing.T, s sched.Scheduler) (list []*sched.Server) {
	t.Helper()
	s.Init(nil)
	for i := range e["weights"] {
		n := i + 1
		srv := sched.NewServer(wire.AddrFrom4([4]byte{203, 0, 113, byte(n)}), 80, e.number(t, "weights", i))
		srv.ID = uint32(n)
		list = sched.Insert(list, srv)
		s.Added(list, srv)
	}
	for _, srv := range list {
		srv.SetCounts(e.number(t, "active", int(srv.ID)-1), e.number(t, "inactive", int(srv.ID)-1))
		if name := fmt.Sprint(srv.ID); slices.Contains(e["quiesced"], name) {
			srv.SetWeight(0)
			s.Edited(list, srv)
		} else if slices.Contains(e["closed"], name) {
			srv.SetOverloaded(true)
		}
	}
	return list
}

// number returns the i-th value of key, 0 if it is left out.
func (e example) number(t *testing.T, key string, i int) int32 {
	t.Helper()
	if e[key] == nil {
		return 0
	}
	n, err := strconv.ParseInt(e[key][i], 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int32(n)
}

// flow returns the flow of the i-th pick.
func (e example) flow(t *testing.T, i int) *sched.Flow {
	t.Helper()
	client, virtual := fmt.Sprintf("192.0.2.%d:%d", 2+7*i, 40000+3*i), "198.51.100.1"
	if c := e["clients"]; c != nil {
		client = c[i]
	}
	if v := e["virtual"]; v != nil {
		virtual = v[i%len(v)]
	}
	from, err := netip.ParseAddrPort(client)
	if err != nil {
		t.Fatal(err)
	}
	to, err := netip.ParseAddr(virtual)
	if err != nil {
		t.Fatal(err)
	}
	return &sched.Flow{
		Client: wire.AddrFrom(from.Addr()), ClientPort: from.Port(),
		Virtual: wire.AddrFrom(to), VirtualPort: 80, Proto: wire.ProtoTCP,
	}
}
