package daemon

import (
	"fmt"
	"time"

	"ulvs/dataplane/afpacket"
)

// Options say how a daemon is set up.
type Options struct {
	Interfaces []string // empty: every Ethernet interface of the namespace
	Workers    int      // threads; each has a ring on every interface
	Capacity   int      // connections the table can hold
	Socket     string   // of the API; empty: the namespace's default
	RingSlots  int      // frames each receive ring holds; 0: by RingMemory
	// RingMemory bounds the memory of all receive rings in bytes. Rings get
	// smaller, down to MinSlots, before it is exceeded.
	RingMemory  int64
	Throughput  bool // TPACKET_V3: more packets per second, a millisecond later
	QdiscBypass bool
	NoGuard     bool // leave the host's stack alone: for tests and experts
	Build       string
}

// Defaults of Options.
const (
	DefaultWorkers    = 1
	DefaultCapacity   = 1 << 20
	DefaultRingMemory = 1 << 30
	// MinSlots is the fewest slots a default ring is cut down to; below, a
	// scheduling stall loses packets at a few 10,000 packets/s.
	MinSlots = 256
	maxSlots = 2070
)

// Limits of Options.
const (
	maxWorkers  = 64
	maxCapacity = 1 << 28
	// maxRingSlots fill the 4 GiB that the kernel can make one ring of.
	maxRingSlots  = 61410
	maxRingMemory = 1 << 40
)

// check names what is not accepted.
func (o *Options) check() error {
	switch {
	case o.Workers < 1 || o.Workers > maxWorkers:
		return &UsageError{"--workers", fmt.Sprintf("%d is not from 1 to %d", o.Workers, maxWorkers)}
	case o.Capacity < 1 || o.Capacity > maxCapacity:
		return &UsageError{"--capacity", fmt.Sprintf("%d is not from 1 to %d connections", o.Capacity, maxCapacity)}
	case o.RingSlots < 0 || o.RingSlots > maxRingSlots:
		return &UsageError{"--ring-slots", fmt.Sprintf("%d is not from 1 to %d", o.RingSlots, maxRingSlots)}
	case o.RingMemory < 1<<20 || o.RingMemory > maxRingMemory:
		return &UsageError{"--ring-memory", fmt.Sprintf("%d is not from 1 to %d MiB", o.RingMemory>>20, maxRingMemory>>20)}
	}
	return nil
}

// UsageError is an option that is not accepted.
type UsageError struct{ Option, Problem string }

func (e *UsageError) Error() string { return e.Option + ": " + e.Problem }

// geometry is the ring for one of n rings.
func (o *Options) geometry(rings int) afpacket.Geometry {
	if o.Throughput {
		return afpacket.Geometry{Version: afpacket.V3}
	}
	g := afpacket.Geometry{Version: afpacket.V2, Slots: o.RingSlots}
	if g.Slots == 0 {
		const blockSlots, block = 30, 2 << 20 // default geometry: 30 slots of 69,888 bytes in 2 MiB
		fit := int(o.RingMemory/block) / max(rings, 1) * blockSlots
		g.Slots = min(max(fit, MinSlots), maxSlots)
	}
	return g
}

// Periods of the manager.
const (
	// settle collects a burst of changes into one pass.
	settle = 5 * time.Millisecond
	// lookAfter is how often ports are looked at without a cause.
	lookAfter = 200 * time.Millisecond
	// ratePeriod is the estimator's step (kernel ip_vs_est.c).
	ratePeriod = 2 * time.Second
)
