package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"ulvs/internal/netns"
	"ulvs/service"
)

// Metrics of the pipeline.
var (
	metricPerPacket = Metric{Unit: "ns/packet", Title: "ns per packet", Lower: true}
	metricAllocs    = Metric{Unit: "allocs/packet", Title: "allocations/packet", Lower: true}
	metricBytes     = Metric{Unit: "B/conn", Title: "bytes/connection, resident", Lower: true}
	metricWorst     = Metric{Unit: "us-max", Title: "longest µs", Lower: true}
	metricGrowth    = Metric{Unit: "us-growth", Title: "growth of p99, µs", Lower: true}
)

// part is a measurement that needs a process of its own, because it is about
// the memory of one. Quick ones are a hundredth of the size.
type part struct {
	name string
	run  func(ctx context.Context, scale int) (Sample, error)
}

// parts are all of them.
var parts = []part{
	{"hit-dr-10k", hits(10_000, service.DR)},
	{"hit-nat-10k", hits(10_000, service.NAT)},
	{"hit-nat-1m", hits(1_000_000, service.NAT)},
	{"hit-nat-10m", hits(10_000_000, service.NAT)},
	{"new", news},
	{"expiry", expiry},
}

// Part runs one part in this process and prints its Sample as JSON: it is what
// an experiment starts ulvs for.
func Part(ctx context.Context, name string, quick bool) error {
	i := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
	if i < 0 {
		return fmt.Errorf("no part %q", name)
	}
	scale := 1
	if quick {
		scale = 100
	}
	s, err := parts[i].run(ctx, scale)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(s)
}

// inProcess measures a part in a process of its own, on the director's
// processor, undisturbed by the client's.
func inProcess(name string) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, e *Env) (s Sample, err error) {
		ns, err := netns.Current()
		if err != nil {
			return nil, err
		}
		defer ns.Close()
		args := []string{"bench", "part", name}
		if e.Quick {
			args = append(args, "--quick")
		}
		text, err := output(ctx, command{ns: ns, cpu: DirectorCPU, name: e.Binary, args: args})
		if err == nil {
			err = json.Unmarshal(text, &s)
		}
		return s, err
	}
}

// A pipeline is measured over this many packets, after this many.
const (
	timedPackets = 2_000_000
	warmPackets  = 200_000
)

// hits measures packets of connections drawn at random from n.
func hits(n int, m service.Method) func(context.Context, int) (Sample, error) {
	return func(ctx context.Context, scale int) (Sample, error) {
		n := max(n/scale, 1000)
		before := resident()
		p, err := newPipeline(n+n/16, 3, pipelineTCP, m)
		if err != nil {
			return nil, err
		}
		if err := p.fill(ctx, n); err != nil {
			return nil, err
		}
		debug.FreeOSMemory()
		grown := resident() - before
		s := p.time(ctx, scale, flagACK, func() func(int) int {
			return func(int) int { return rand.IntN(n) }
		})
		s[metricBytes.Unit] = float64(grown) / float64(n)
		return s, ctx.Err()
	}
}

// time measures packets of the flows that each new batch's chooser gives.
func (p *pipeline) time(ctx context.Context, scale int, flags byte, chooser func() func(int) int) Sample {
	run := func(packets int) (took time.Duration) {
		for n := 0; n < packets && ctx.Err() == nil; n += len(p.frames) {
			took += p.batch(flags, chooser())
		}
		return took
	}
	run(warmPackets / scale)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took := run(timedPackets / scale)
	runtime.ReadMemStats(&after)
	packets := float64(timedPackets / scale)
	return Sample{
		metricPerPacket.Unit: float64(took.Nanoseconds()) / packets,
		metricAllocs.Unit:    float64(int(float64(after.Mallocs-before.Mallocs) / packets)),
	}
}

// newServers is the number of real servers behind new connections.
const newServers = 1000

// news measures first packets of connections.
func news(ctx context.Context, scale int) (Sample, error) {
	p, err := newPipeline(timedPackets+warmPackets+1000, newServers, pipelineTCP, service.NAT)
	if err != nil {
		return nil, err
	}
	next := 0
	s := p.time(ctx, scale, flagSYN, func() func(int) int {
		first := next
		next += len(p.frames)
		return func(i int) int { return first + i }
	})
	if held := p.director.Conns().Len(); held < timedPackets/scale {
		return nil, fmt.Errorf("%d connections were made, want %d", held, timedPackets/scale)
	}
	return s, ctx.Err()
}

// Expiry.
const (
	expiring   = 1_000_000
	udpTimeout = 5 * time.Minute // ip_vs's, and the default here
	liveFlows  = 10_000
)

// expiry makes a million UDP connections within a second, and compares what a
// batch of others takes in the worker, upkeep and all, in the second before
// they expire with the time in which they do. Time runs as it does in the
// daemon.
func expiry(ctx context.Context, scale int) (Sample, error) {
	n := expiring / scale
	p, err := newPipeline(2*n+2*liveFlows, 3, discard, service.DR)
	if err != nil {
		return nil, err
	}
	begun := p.now
	for k := 0; k < n; k += len(p.frames) {
		p.now = begun + time.Duration(k)*time.Second/time.Duration(n)
		p.batch(0, func(i int) int { return liveFlows + k + i })
	}
	quiet := p.latencies(ctx, begun+udpTimeout-2*time.Second, time.Second, 0)
	busy := p.latencies(ctx, begun+udpTimeout, 20*time.Second, liveFlows+1)
	if held := p.director.Conns().Len(); held > liveFlows {
		return nil, fmt.Errorf("%d connections of %d are left", held-liveFlows, n)
	}
	us := func(h *hdrhistogram.Histogram) float64 { return float64(h.ValueAtQuantile(99)) / 1e3 }
	return Sample{
		metricGrowth.Unit: us(busy) - us(quiet), metricP99.Unit: us(busy), metricWorst.Unit: float64(busy.Max()) / 1e3,
	}, ctx.Err()
}

// latencies passes batches of live flows from a moment on, as time goes by, for
// so long or until no more than so many connections are left.
func (p *pipeline) latencies(ctx context.Context, from, lasts time.Duration, left int) *hdrhistogram.Histogram {
	h := hdrhistogram.New(1, int64(time.Second), 3)
	next := 0
	for start := time.Now(); ctx.Err() == nil && time.Since(start) < lasts; {
		p.now = from + time.Since(start)
		took := p.batch(0, func(i int) int { return (next + i) % liveFlows })
		next = (next + len(p.frames)) % liveFlows
		_ = h.RecordValue(min(int64(took), int64(time.Second))) // in range
		if left > 0 && time.Since(start) > time.Second && p.director.Conns().Len() < left {
			break
		}
	}
	return h
}

// resident is the memory of this process in bytes (proc(5), VmRSS).
func resident() int64 {
	text, _ := os.ReadFile("/proc/self/status") // always there
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			var kib int64
			_, _ = fmt.Sscan(rest, &kib)
			return kib << 10
		}
	}
	return 0
}
