package conformance

import (
	"encoding/binary"
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ulvs/sched"
	"ulvs/wire"
)

// leadsTo has a check for each recorded scheduler: whether the rule, applied
// here to what the explanation shows and the flow, leads to the server that it
// chooses; "" if so.
var leadsTo = map[string]func(e *sched.Explanation, f *sched.Flow) string{
	"lc":  least(func(w, a, i int64) *big.Rat { return big.NewRat(256*a+i, 1) }),
	"wlc": least(wlcTerm),
	"sed": least(sedTerm),
	"nq": least(func(w, a, i int64) *big.Rat {
		if a == 0 {
			return new(big.Rat)
		}
		return sedTerm(w, a, i)
	}),
	"fo":    least(func(w, a, i int64) *big.Rat { return big.NewRat(-w, 1) }),
	"ovf":   overflows,
	"rr":    turns,
	"wrr":   turns,
	"dh":    hashesDestination,
	"sh":    hashesSource,
	"mh":    hashesMaglev,
	"lblc":  keepsServer,
	"lblcr": keepsSet,
}

func wlcTerm(w, a, i int64) *big.Rat { return big.NewRat(256*a+i, w) }
func sedTerm(w, a, i int64) *big.Rat { return big.NewRat(a+1, w) }

// least checks that the chosen server is the first in the list with the least
// term, and that the explanation shows the same terms, exactly.
func least(term func(w, a, i int64) *big.Rat) func(*sched.Explanation, *sched.Flow) string {
	return func(e *sched.Explanation, _ *sched.Flow) string {
		for _, c := range e.Candidates {
			if c.Server.Usable() != (c.Excluded == "") {
				return "excludes others than those that are not usable"
			}
		}
		best, what := leastOf(e, term)
		if what == "" && best != e.Chosen {
			what = fmt.Sprintf("the least is number %d", best)
		}
		return what
	}
}

// leastOf returns the first of the candidates that can be picked with the least
// term, -1 if there are none, and what is wrong with the terms that are shown.
func leastOf(e *sched.Explanation, term func(w, a, i int64) *big.Rat) (best int, what string) {
	best = -1
	var min *big.Rat
	for i, c := range e.Candidates {
		if c.Excluded != "" {
			continue
		}
		x := term(int64(c.Weight), int64(c.Active), int64(c.Inactive))
		if shown, value := evaluate(c.Term), new(big.Rat).Abs(x); shown == nil || shown.Cmp(value) != 0 {
			return -1, fmt.Sprintf("number %d: the term %s is not %v", i, c.Term, value)
		} else if near, _ := value.Float64(); near != c.Value {
			return -1, fmt.Sprintf("number %d: the value %v is not %v", i, c.Value, near)
		}
		if min == nil || x.Cmp(min) < 0 {
			best, min = i, x
		}
	}
	return best, ""
}

var whole = regexp.MustCompile(`\d+`)

// evaluate returns what a term comes to, exactly; nil if it is none.
func evaluate(term string) *big.Rat {
	v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, whole.ReplaceAllString(term, "$0.0"))
	if err != nil || v.Value == nil {
		return nil
	}
	x, ok := new(big.Rat).SetString(constant.ToFloat(v.Value).ExactString())
	if !ok {
		return nil
	}
	return x
}

// fact returns the last fact of that name, "" if there is none.
func fact(e *sched.Explanation, name string) (value string) {
	for _, f := range e.Facts {
		if f.Name == name {
			value = f.Value
		}
	}
	return value
}

// names reports whether a fact begins with the address and port of a candidate.
func names(value string, c *sched.Candidate) bool {
	first, _, _ := strings.Cut(strings.TrimSuffix(value, ","), " ")
	return strings.TrimSuffix(first, ",") == fmt.Sprintf("%s:%d", bracket(c.Server.Addr), c.Server.Port)
}

func bracket(a wire.Addr) string {
	if a.Is4() {
		return a.String()
	}
	return "[" + a.String() + "]"
}

// overflows: the heaviest among those with active <= weight.
func overflows(e *sched.Explanation, _ *sched.Flow) string {
	for _, c := range e.Candidates {
		if (c.Server.Usable() && c.Active <= c.Weight) != (c.Excluded == "") {
			return "excludes others than those without room"
		}
	}
	best, what := leastOf(e, func(w, a, i int64) *big.Rat { return big.NewRat(-w, 1) })
	if what == "" && best != e.Chosen {
		what = fmt.Sprintf("the heaviest with room is number %d", best)
	}
	return what
}

// turns goes on from the pointer, or from the head where the walk came to the
// end of the list, to the first that is not excluded.
func turns(e *sched.Explanation, _ *sched.Flow) string {
	last := 0
	if p := fact(e, "pointer"); !strings.HasPrefix(p, "before") {
		_, number, _ := strings.Cut(p, "number ")
		if _, err := fmt.Sscanf(number, "%d of", &last); err != nil {
			return "no pointer"
		}
		if !names(strings.TrimPrefix(p, "at "), &e.Candidates[last-1]) {
			return "the pointer is at another server"
		}
	}
	if fact(e, "end of the list") != "" {
		last = 0
	}
	want := -1
	for n := range e.Candidates {
		if i := (last + n) % len(e.Candidates); e.Candidates[i].Excluded == "" {
			want = i
			break
		}
	}
	if want != e.Chosen {
		return fmt.Sprintf("the next is number %d", want)
	}
	return ""
}

// bucketOf hashes an address and a number as dh and sh do: folded to 32 bits,
// times 0x61C88647, the top 8 bits.
func bucketOf(a wire.Addr, add uint32) int {
	var x uint32
	for b := a.Netip().AsSlice(); len(b) > 0; b = b[4:] {
		x ^= binary.BigEndian.Uint32(b)
	}
	return int((x + add) * 0x61C88647 >> 24)
}

// slot checks that the explanation shows candidate number want in the slot, and
// takes it if it is usable.
func slot(e *sched.Explanation, want int) string {
	if want < 0 {
		return ""
	}
	server := fact(e, "server")
	if _, after, ok := strings.Cut(server, "list: "); ok {
		server = after
	}
	c := &e.Candidates[want]
	switch {
	case !names(server, c):
		return fmt.Sprintf("the slot has number %d", want)
	case c.Excluded == "" && e.Chosen != want:
		return fmt.Sprintf("number %d of the slot can be picked", want)
	case c.Excluded != "" && fact(e, "fallback") == "" && e.Chosen >= 0:
		return "nobody is left to be picked"
	}
	return ""
}

func hashesDestination(e *sched.Explanation, f *sched.Flow) string {
	b := bucketOf(f.Virtual, 0)
	if !strings.Contains(fact(e, "bucket"), fmt.Sprintf("= %d, of 256", b)) {
		return fmt.Sprintf("the bucket is %d", b)
	}
	if len(e.Candidates) == 0 {
		return ""
	}
	return slot(e, b%len(e.Candidates))
}

// hashesSource fills the buckets by the weights.
func hashesSource(e *sched.Explanation, f *sched.Flow) string {
	port := uint32(0)
	if strings.Contains(fact(e, "client"), "+ port") {
		port = uint32(f.ClientPort)
	}
	b := bucketOf(f.Client, port)
	if !strings.Contains(fact(e, "bucket"), fmt.Sprintf("= %d, of 256", b)) {
		return fmt.Sprintf("the bucket is %d", b)
	}
	var table []int
	for len(e.Candidates) > 0 && len(table) < 256 {
		for i, c := range e.Candidates {
			table = append(table, slices.Repeat([]int{i}, int(max(1, c.Weight)))...)
		}
	}
	if len(table) == 0 {
		return ""
	}
	if what := slot(e, table[b]); what != "" {
		return what
	}
	for _, look := range e.Facts {
		if look.Name != "fallback" || strings.Contains(look.Value, " more, ") {
			continue
		}
		var from, offset, to int
		_, err := fmt.Sscanf(look.Value, "bucket (2*%d + %d) mod 256 = %d:", &from, &offset, &to)
		_, server, _ := strings.Cut(look.Value, ": ")
		if err != nil || from != b || (2*b+offset)%256 != to || !names(server, &e.Candidates[table[to]]) {
			return "a bucket of the fallback has another server"
		}
	}
	return fallback(e)
}

// hashesMaglev goes by the server that the explanation shows at the place: the
// table is held to the kernel's by the picks.
func hashesMaglev(e *sched.Explanation, _ *sched.Flow) string {
	want := slices.IndexFunc(e.Candidates, func(c sched.Candidate) bool { return names(fact(e, "server"), &c) })
	if what := slot(e, want); what != "" {
		return what
	}
	return fallback(e)
}

// fallback checks that the last slot of a fallback, if there is one, has the
// chosen server.
func fallback(e *sched.Explanation) string {
	if fact(e, "fallback") == "" {
		return ""
	}
	_, server, _ := strings.Cut(fact(e, "fallback"), ": ")
	if e.Chosen >= 0 && !names(server, &e.Candidates[e.Chosen]) {
		return "the fallback ends at another server"
	}
	return ""
}

// keepsServer: the destination's server, or the choice of wlc.
func keepsServer(e *sched.Explanation, f *sched.Flow) string {
	if e.Formula != "" {
		return least(wlcTerm)(e, f)
	}
	if e.Chosen < 0 || !names(fact(e, "its server"), &e.Candidates[e.Chosen]) {
		return "chooses another than the destination's server"
	}
	return overloadRule(e)
}

// overloadRule: a server that is kept has no more active connections than its
// weight, or none has fewer than half its own.
func overloadRule(e *sched.Explanation) string {
	c := &e.Candidates[e.Chosen]
	if c.Active > c.Weight && slices.ContainsFunc(e.Candidates, func(c sched.Candidate) bool { return 2*c.Active < c.Weight }) {
		return "keeps an overloaded server"
	}
	return ""
}

// keepsSet: the least of the destination's set, which alone is shown then, or
// the choice of wlc among all.
func keepsSet(e *sched.Explanation, f *sched.Flow) string {
	set := strings.Split(strings.TrimSuffix(fact(e, "its set"), ", the newest first"), ", ")
	if fact(e, "then") != "" || e.Chosen < 0 {
		return least(wlcTerm)(e, f)
	}
	best, what := leastOf(e, wlcTerm)
	if what != "" {
		return what
	}
	for _, c := range e.Candidates {
		member := slices.ContainsFunc(set, func(name string) bool { return names(name, &c) })
		if c.Server.Usable() && member != (c.Excluded == "") {
			return "excludes others than those outside the set"
		}
	}
	// Of equals the newest member of the set is taken, wherever it is listed.
	min, chosen := &e.Candidates[best], &e.Candidates[e.Chosen]
	if wlcOf(min).Cmp(wlcOf(chosen)) != 0 {
		return fmt.Sprintf("the least of the set is number %d", best)
	}
	for _, name := range set {
		i := slices.IndexFunc(e.Candidates, func(c sched.Candidate) bool { return names(name, &c) })
		if i < 0 || e.Candidates[i].Excluded != "" || wlcOf(&e.Candidates[i]).Cmp(wlcOf(min)) != 0 {
			continue
		}
		if i != e.Chosen {
			return fmt.Sprintf("the newest of the least in the set is number %d", i)
		}
		break
	}
	return overloadRule(e)
}

func wlcOf(c *sched.Candidate) *big.Rat {
	return wlcTerm(int64(c.Weight), int64(c.Active), int64(c.Inactive))
}

// TestEvaluate: the evaluation of terms is exact, and refuses what is none.
func TestEvaluate(t *testing.T) {
	for term, want := range map[string]*big.Rat{
		"(256*3+1)/7": big.NewRat(769, 7), "(2147483646+1)/3": big.NewRat(2147483647, 3), "0": new(big.Rat),
	} {
		if got := evaluate(term); got == nil || got.Cmp(want) != 0 {
			t.Errorf("%s is %v, want %v", term, got, want)
		}
	}
	for _, term := range []string{"", "(3+1)/", "least"} {
		if got := evaluate(term); got != nil {
			t.Errorf("%q is %v", term, got)
		}
	}
}
