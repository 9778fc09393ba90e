package dataplane_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/dataplane/memport"
)

// TestEveryPacketHasOneReason: of 100,000 packets, random and malformed, alone
// and in batches, each is counted once and under one reason.
func TestEveryPacketHasOneReason(t *testing.T) {
	x := newTrafficWorld(t, 10000)
	g := &traffic{r: rand.New(rand.NewPCG(5, 5))}
	in := uint64(0)
	for in < 100_000 {
		n := 1
		if g.r.IntN(2) == 0 {
			n = 1 + g.r.IntN(200)
		}
		for _, p := range x.eth {
			p.Reset()
		}
		for range n {
			port, f := g.frame()
			if g.r.IntN(3) == 0 {
				f = g.broken(f)
			}
			x.eth[port].InjectFrames(f)
		}
		for x.w.Round() {
		}
		in += uint64(n)
		x.conserved(in)
		g.remember([2][]memport.Frame{x.eth[0].Sent(), x.eth[1].Sent()})
		x.now += time.Duration(g.r.IntN(500)) * time.Millisecond
	}
	by, _ := x.d.Reasons()
	seen := map[dataplane.Verdict]int{}
	for r, n := range by {
		if n > 0 {
			seen[dataplane.Reason(r).Verdict()]++
		}
	}
	t.Logf("reasons seen by verdict: %v", seen)
	for v, least := range map[dataplane.Verdict]int{dataplane.Forwarded: 4, dataplane.Passed: 6, dataplane.Answered: 3, dataplane.Held: 1, dataplane.Dropped: 15} {
		if seen[v] < least {
			t.Errorf("only %d reasons %v are among them, want %d", seen[v], v, least)
		}
	}
}

// broken is f cut short, with other bytes, or both.
func (g *traffic) broken(f memport.Frame) memport.Frame {
	data := append([]byte(nil), f.Data...)
	how := g.r.IntN(3)
	if how != 0 && len(data) > 0 {
		data = data[:g.r.IntN(len(data))]
	}
	if how != 1 && len(data) > 12 {
		for range 1 + g.r.IntN(4) {
			data[12+g.r.IntN(min(len(data)-12, 60))] = byte(g.r.Uint32())
		}
	}
	f.Data = data
	return f
}
