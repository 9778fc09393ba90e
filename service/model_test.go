package service_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ulvs/service"
)

// model is a table as a map of maps, without order.
type model map[service.Key]map[netip.AddrPort]int // weight

func modelOf(t *service.Table) model {
	m := model{}
	for _, e := range t.Services() {
		m[e.Key] = map[netip.AddrPort]int{}
		for _, r := range e.Servers {
			m[e.Key][r.Endpoint()] = r.Weight
		}
	}
	return m
}

func (m model) equal(o model) bool {
	return maps.EqualFunc(m, o, func(a, b map[netip.AddrPort]int) bool { return maps.Equal(a, b) })
}

// apply does what Apply should and reports whether it should succeed.
func (m model) apply(c service.Change) bool {
	servers, ok := m[c.Service.Key]
	ep := c.Server.Endpoint()
	_, exists := servers[ep]
	switch c.Op {
	case service.AddService:
		if !ok {
			m[c.Service.Key] = map[netip.AddrPort]int{}
		}
		return !ok
	case service.DeleteService:
		delete(m, c.Service.Key)
		return ok
	case service.AddServer:
		if ok = ok && !exists; ok {
			servers[ep] = c.Server.Weight
		}
	case service.EditServer:
		if ok = ok && exists; ok {
			servers[ep] = c.Server.Weight
		}
	case service.DeleteServer:
		ok = ok && exists
		delete(servers, ep)
	case service.Flush:
		clear(m)
		ok = true
	case service.SetMarks:
		ok = true // Diff compares the rules
	}
	return ok
}

// change draws a change among few services and servers, so that collisions
// and misses are frequent. Flush is rare.
func change(t *rapid.T) service.Change {
	ops := []service.Op{service.AddService, service.AddService, service.EditService, service.DeleteService,
		service.AddServer, service.AddServer, service.AddServer, service.EditServer, service.DeleteServer}
	if rapid.IntRange(0, 30).Draw(t, "flush") == 0 {
		return service.Change{Op: service.Flush}
	}
	if rapid.IntRange(0, 10).Draw(t, "marks") == 0 {
		return service.Change{Op: service.SetMarks, Marks: rapid.SliceOfN(rapid.Custom(markRule), 0, 3).Draw(t, "rules")}
	}
	v := service.VirtualService{
		Scheduler: rapid.SampledFrom([]string{"rr", "wlc"}).Draw(t, "scheduler"),
		Key:       key(fmt.Sprintf("198.51.%d.1:80", rapid.IntRange(0, 3).Draw(t, "service"))),
	}
	if rapid.IntRange(0, 4).Draw(t, "mark") == 0 {
		v.Key = service.Key{Mark: rapid.Uint32Range(1, 2).Draw(t, "number")}
	}
	r := nat(fmt.Sprintf("203.0.113.%d:80", rapid.IntRange(1, 4).Draw(t, "server")))
	r.Weight = rapid.IntRange(0, 2).Draw(t, "weight")
	return service.Change{Op: rapid.SampledFrom(ops).Draw(t, "op"), Service: v, Server: r}
}

// table draws a table.
func table(t *rapid.T, label string) *service.Table {
	out := service.NewTable()
	for range rapid.IntRange(0, 30).Draw(t, label) {
		if next, err := out.Apply(change(t)); err == nil {
			out = next
		}
	}
	return out
}

func dump(t *service.Table) string {
	var b strings.Builder
	for _, e := range t.Services() {
		fmt.Fprintf(&b, "%+v\n", e)
	}
	fmt.Fprintln(&b, t.Marks())
	return b.String()
}

// TestTableModel: a table does what a map would, and no table made on the way
// ever changes.
func TestTableModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, now := model{}, service.NewTable()
		var tables []*service.Table
		var dumps []string
		for range rapid.IntRange(1, 40).Draw(t, "changes") {
			tables, dumps = append(tables, now), append(dumps, dump(now))
			c := change(t)
			next, err := now.Apply(c)
			if ok := m.apply(c); ok != (err == nil) {
				t.Fatalf("%v: %v, the model says %v", c, err, ok)
			}
			if err == nil {
				now = next
			}
			if !modelOf(now).equal(m) {
				t.Fatalf("%v: table %v, model %v", c, modelOf(now), m)
			}
		}
		for i, old := range tables {
			if dump(old) != dumps[i] {
				t.Fatalf("table %d has changed from\n%s\nto\n%s", i, dumps[i], dump(old))
			}
		}
	})
}

// TestDiff: the changes of Diff turn one table into another, no change is
// superfluous, and what is in both is not deleted.
func TestDiff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := table(t, "a"), table(t, "b")
		got := a
		for _, c := range service.Diff(a, b) {
			checkNeeded(t, c, b)
			next, err := got.Apply(c)
			if err != nil {
				t.Fatalf("%v: %v", c, err)
			}
			got = next
		}
		if rest := service.Diff(got, b); len(rest) != 0 || !modelOf(got).equal(modelOf(b)) {
			t.Fatalf("left after all changes: %v", rest)
		}
	})
}

func checkNeeded(t *rapid.T, c service.Change, to *service.Table) {
	e := to.Find(c.Service.Key)
	switch c.Op {
	case service.DeleteService:
		if e != nil {
			t.Fatalf("%v: it stays", c)
		}
	case service.DeleteServer:
		if e == nil || e.Server(c.Server.Endpoint()) != nil {
			t.Fatalf("%v: it stays, or goes with its service", c)
		}
	case service.Flush:
		if len(to.Services()) != 0 {
			t.Fatal("flush for a table that is not empty")
		}
	}
}

// TestDiffFromNothing: built from nothing the order is the same, too.
func TestDiffFromNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want, got := table(t, "table"), service.NewTable()
		for _, c := range service.Diff(got, want) {
			var err error
			if got, err = got.Apply(c); err != nil {
				t.Fatal(err)
			}
		}
		if dump(got) != dump(want) {
			t.Fatalf("got\n%s\nwant\n%s", dump(got), dump(want))
		}
	})
}

// TestDiffFlags: a difference in scheduler flags alone is an edit.
func TestDiffFlags(t *testing.T) {
	plain := vs("198.51.100.1:80")
	flagged := plain
	flagged.SchedFlag = []string{"flag-1"}
	d := service.Diff(build(t, addService(plain)), build(t, addService(flagged)))
	if len(d) != 1 || d[0].Op != service.EditService || !slices.Equal(d[0].Service.SchedFlag, flagged.SchedFlag) {
		t.Errorf("diff %v", d)
	}
}

// TestFlagsCopied: a table does not share the flags with its caller.
func TestFlagsCopied(t *testing.T) {
	v := vs("198.51.100.1:80")
	v.SchedFlag = []string{"flag-1"}
	table := build(t, addService(v))
	v.SchedFlag[0] = "flag-2"
	if got := table.Find(v.Key).SchedFlag[0]; got != "flag-1" {
		t.Errorf("the table's flag is %s now", got)
	}
}
