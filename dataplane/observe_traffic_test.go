package dataplane_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// TestObservedEqual: a packet that is looked at has the fate that it would have
// had. Two directors get the same random frames, one of them has an observer
// that wants some.
func TestObservedEqual(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			plain, looked := newTrafficWorld(t, 200), newTrafficWorld(t, 200)
			g, some := &traffic{r: rand.New(rand.NewPCG(seed, 2))}, rand.New(rand.NewPCG(seed, 3))
			looked.d.Lane(0).Observe(&tally{wants: func() bool { return some.IntN(4) < int(seed)+1 }})
			for range 100 {
				c := g.change()
				if a, b := plain.d.Apply(c), looked.d.Apply(c); (a == nil) != (b == nil) {
					t.Fatalf("%v: %v and %v", c, a, b)
				}
				frames := g.steady(40)
				pass := time.Duration(g.r.ExpFloat64() * float64(5*time.Second))
				a, b := plain.arrive(frames, pass), looked.arrive(frames, pass)
				if !reflect.DeepEqual(a, b) {
					t.Fatalf("left (- without, + with an observer):\n%s", cmp.Diff(a, b))
				}
				if p, l := plain.seen(), looked.seen(); !reflect.DeepEqual(p, l) {
					t.Fatalf("(- without, + with an observer):\n%s", cmp.Diff(p, l))
				}
				g.remember(a)
			}
		})
	}
}

// tally is an observer that counts what it is told.
type tally struct {
	wants  func() bool // nil: all
	wanted uint64
	told   [dataplane.NumReasons]uint64
	sent   int
	wrong  string
}

func (y *tally) Wants(*wire.Packet) bool {
	if y.wants != nil && !y.wants() {
		return false
	}
	y.wanted++
	return true
}

func (y *tally) Traced(t *dataplane.Trace) {
	if t.Reason >= dataplane.NumReasons || t.Verdict != t.Reason.Verdict() {
		y.wrong = fmt.Sprintf("verdict %v, reason %d", t.Verdict, t.Reason)
		return
	}
	y.told[t.Reason]++
	y.sent += len(t.Sent)
}

// accounts checks that every packet in was counted once, told once, and told as
// it was counted.
func (x *world) accounts(y *tally, in uint64) {
	x.t.Helper()
	by, total := x.d.Reasons()
	sum := uint64(0)
	for r, n := range by {
		sum += n
		if y.told[r] != n {
			x.t.Fatalf("%v: counted %d times, told %d times", dataplane.Reason(r), n, y.told[r])
		}
	}
	if total != in || sum != in || y.wanted != in || y.wrong != "" {
		x.t.Fatalf("%d packets in, %d handled, %d counted by reason, %d wanted; %s", in, total, sum, y.wanted, y.wrong)
	}
}

// TestEveryPacketOnce: of 100,000 random and malformed packets every one is
// counted under one reason, and told of once, with that reason. Frames of
// releases of held packets aside, nothing leaves that was not told of.
func TestEveryPacketOnce(t *testing.T) {
	x, y := newTrafficWorld(t, 300), &tally{}
	_, in := x.d.Reasons()
	y.wanted = in
	y.told, _ = x.d.Reasons()
	x.d.Lane(0).Observe(y)
	g := &traffic{r: rand.New(rand.NewPCG(1, 5))}
	left := 0
	for n := 0; n < 70_000; n += 100 {
		out := x.sendRandom(g, 100)
		g.remember(out)
		left += len(out[0]) + len(out[1])
		in += 100
		x.accounts(y, in)
		x.now += time.Duration(g.r.IntN(2000)) * time.Millisecond
	}
	if left < y.sent || y.sent == 0 {
		t.Errorf("%d frames left, %d were told of", left, y.sent)
	}
	reached(t, &y.told, 25)
}

// TestEveryPacketOnce6 is the same for IPv6, and holds it against a world without
// an observer.
func TestEveryPacketOnce6(t *testing.T) {
	x, plain, y := newKernelWorld(t, 1500), newKernelWorld(t, 1500), &tally{}
	x.services6()
	plain.services6()
	x.d.Lane(0).Observe(y)
	r := rand.New(rand.NewPCG(1, 6))
	for n := uint64(0); n < 35_000; n += 100 {
		frames, pass := malformed6(r, 100), time.Duration(r.IntN(2000))*time.Millisecond
		a, b := plain.arrive(frames, pass), x.arrive(frames, pass)
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("left (- without, + with an observer):\n%s", cmp.Diff(a, b))
		}
		x.accounts(y, n+100)
	}
	if p, l := plain.seen(), x.seen(); !reflect.DeepEqual(p, l) {
		t.Fatalf("(- without, + with an observer):\n%s", cmp.Diff(p, l))
	}
	reached(t, &y.told, 20)
}

// malformed6 makes n frames of IPv6, most of them with wrong bytes or a wrong
// length.
func malformed6(r *rand.Rand, n int) (all []arrival) {
	seeds := seeds6()
	for range n {
		p := seeds[r.IntN(len(seeds))]
		f := memport.Frame{Data: append([]byte(nil), p.Frame()...), Offload: p.Offload}
		for range r.IntN(4) {
			f.Data[r.IntN(min(len(f.Data), 80))] = byte(r.Uint32())
		}
		if r.IntN(10) == 0 {
			f.Data = f.Data[:r.IntN(len(f.Data)+1)]
		}
		all = append(all, arrival{r.IntN(2), f})
	}
	return all
}

// reached checks that the traffic was not all of a kind.
func reached(t *testing.T, told *[dataplane.NumReasons]uint64, least int) {
	t.Helper()
	kinds := 0
	for r := range told {
		if told[r] > 0 {
			kinds++
		}
	}
	if kinds < least {
		t.Errorf("%d reasons occurred, want at least %d", kinds, least)
	}
}

// TestNoAllocationsObserved: an observer that does not want packets costs no
// memory, and one that wants them only what it takes itself.
func TestNoAllocationsObserved(t *testing.T) {
	for _, m := range []service.Method{service.DR, service.NAT, service.Tunnel} {
		x := newWorld(t, 10000)
		x.balance(service.TCP, "wlc", m, 3)
		runLane(x, []*wire.Packet{syn(1000)})
		x.d.Lane(0).Observe(&tally{wants: func() bool { return false }})
		hit := ack(1000, 100, wiretest.WithDF())
		x.noAllocs(dataplane.Forwarded, func(int) *wire.Packet { return hit })
		pkts := clientPackets(600, wire.SYN)
		x.noAllocs(dataplane.Forwarded, func(i int) *wire.Packet { return pkts[i%len(pkts)] })
		x.d.Lane(0).Observe(&tally{})
		x.noAllocs(dataplane.Forwarded, func(int) *wire.Packet { return hit })
	}
}
