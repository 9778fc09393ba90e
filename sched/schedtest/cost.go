package schedtest

import (
	"testing"

	"ulvs/sched"
	"ulvs/wire"
)

// Cost measures one pick in a service of n servers at a steady state of two
// connections a server: one ends, one is opened, and both are counted. All live
// equally long, or end at random: then the processor can predict neither the
// server nor what that changes. Weights are 1 to 7, clients change with every
// pick, destinations are three.
func Cost(b *testing.B, s sched.Scheduler, n int, random bool) {
	list := make([]*sched.Server, n)
	for i := range list {
		list[i] = sched.NewServer(wire.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), 80, int32(1+i%7))
	}
	s.Init(list)
	c := cost{s: s, open: make([]*sched.Server, 2*n), state: 1}
	for i := range c.flows {
		c.flows[i] = *flow(i)
	}
	next := c.oldest
	if random {
		next = c.any
	}
	for range 3 * len(c.open) {
		c.turn(next())
	}
	b.ReportAllocs()
	for b.Loop() {
		c.turn(next())
	}
}

type cost struct {
	s        sched.Scheduler
	flows    [600]sched.Flow
	open     []*sched.Server // by connection; nil where none was usable
	at, flow int
	state    uint32
}

func (c *cost) oldest() int {
	if c.at++; c.at == len(c.open) {
		c.at = 0
	}
	return c.at
}

func (c *cost) any() int {
	c.state = c.state*1664525 + 1013904223
	return int(uint64(c.state) * uint64(len(c.open)) >> 32)
}

// turn ends connection i and opens another in its place.
func (c *cost) turn(i int) {
	if old := c.open[i]; old != nil {
		old.Unbind(true)
	}
	if c.flow++; c.flow == len(c.flows) {
		c.flow = 0
	}
	s := c.s.Pick(&c.flows[c.flow])
	if c.open[i] = s; s != nil {
		s.Bind()
		s.Activate()
	}
}
