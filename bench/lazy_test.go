package bench

import "testing"

// TestTableIsLazy: a connection table takes no memory before there are
// connections.
func TestTableIsLazy(t *testing.T) {
	const capacity = 4 << 20
	before := resident()
	p, err := newPipeline(capacity, 1, pipelineTCP, nat.Method)
	if err != nil {
		t.Fatal(err)
	}
	if grown := resident() - before; grown > 64<<20 {
		t.Errorf("an empty table for %d connections takes %d MiB", capacity, grown>>20)
	}
	if p.director.Conns().Bytes() < 256<<20 {
		t.Errorf("the table has %d bytes: too few to tell", p.director.Conns().Bytes())
	}
}
