package daemon

import (
	"fmt"
	"time"

	"ulvs/dataplane/afpacket"
	"ulvs/internal/hugemem"
	"ulvs/sysctl"
)

// Options say how a daemon is set up.
type Options struct {
	Interfaces []string // empty: every Ethernet interface of the namespace
	Workers    int      // threads; each has a ring on every interface
	Capacity   int      // connections the table can hold
	Socket     string   // of the API; empty: the namespace's default
	RingSlots  int      // frames each receive ring holds; 0: by RingMemory
	// RingMemory bounds the memory of all receive rings in bytes. Rings get
	// smaller for it, down to MinSlots; beyond, an interface gets none.
	RingMemory int64
	Throughput bool // TPACKET_V3: small packets take little of a ring, and come a millisecond later
	// Poll is how workers wait for frames; nil: as afpacket.NewPoller chooses.
	Poll        *afpacket.Poll
	QdiscBypass bool
	Send        Send // by what ordinary frames leave
	NoGuard     bool // leave the host's stack alone: for tests and experts
	// ProcDir is a folder in which net/ip_vs and its neighbours are kept as the
	// kernel has them below /proc; empty: none.
	ProcDir  string
	Settings []sysctl.Assignment // of ip_vs, from the start
	Build    string
}

// Defaults of Options.
const (
	DefaultWorkers  = 1
	DefaultCapacity = 1 << 20
	// mostRingMemory is the default on a machine that has eight times as much.
	mostRingMemory = 1 << 30
	// MinSlots is the fewest slots a default ring is cut down to; below, a
	// scheduling stall loses packets at a few 10,000 packets/s.
	MinSlots = 256
	// minBlocks3 is the same of a ring for throughput, in blocks of 256 KiB.
	minBlocks3 = 8
)

// Limits of Options.
const (
	maxWorkers    = 64
	maxCapacity   = 1 << 28
	maxRingMemory = 1 << 40
)

// DefaultRingMemory is what receive rings may take unless told otherwise, in
// bytes: an eighth of the machine's memory, at most 1 GiB. The kernel never
// swaps it out and does not count it among a container's.
func DefaultRingMemory() int64 {
	if machine := hugemem.Machine(); machine != 0 {
		return ringShare(machine)
	}
	return mostRingMemory
}

// ringShare is that of so much memory.
func ringShare(machine uint64) int64 { return int64(min(machine/8, mostRingMemory)) }

// check names what is not accepted.
func (o *Options) check() error {
	switch {
	case o.Workers < 1 || o.Workers > maxWorkers:
		return &UsageError{"--workers", fmt.Sprintf("%d is not from 1 to %d", o.Workers, maxWorkers)}
	case o.Capacity < 1 || o.Capacity > maxCapacity:
		return &UsageError{"--capacity", fmt.Sprintf("%d is not from 1 to %d connections", o.Capacity, maxCapacity)}
	case o.RingSlots < 0 || o.RingSlots > afpacket.MaxSlots:
		return &UsageError{"--ring-slots", fmt.Sprintf("%d is not from 1 to %d", o.RingSlots, afpacket.MaxSlots)}
	case o.RingMemory < 1<<20 || o.RingMemory > maxRingMemory:
		return &UsageError{"--ring-memory", fmt.Sprintf("%d is not from 1 to %d MiB", o.RingMemory>>20, maxRingMemory>>20)}
	case o.RingSlots > 0 && o.Throughput:
		return &UsageError{"--ring-slots", "not with --throughput, whose rings hold blocks of frames: use --ring-memory"}
	}
	if err := o.Send.check(); err != nil {
		return err
	}
	if _, err := sysctl.Defaults().SetAll(o.Settings); err != nil {
		return &UsageError{"--settings", err.Error()}
	}
	if _, err := o.geometry(o.RingMemory, o.Workers); err != nil { // of one interface
		return err
	}
	return nil
}

// UsageError is an option that is not accepted.
type UsageError struct{ Option, Problem string }

func (e *UsageError) Error() string { return e.Option + ": " + e.Problem }

// geometry is the ring for an interface's workers. The bytes are shared with
// other interfaces, so many rings in all; that does not bring it below MinSlots.
// With an error the bytes are too few even so.
func (o *Options) geometry(bytes int64, rings int) (afpacket.Geometry, error) {
	g := afpacket.Geometry{Version: afpacket.V2, Slots: o.RingSlots}
	least, most := MinSlots, afpacket.DefaultSlots
	if o.Throughput {
		g.Version, least, most = afpacket.V3, minBlocks3, afpacket.DefaultBlocks3
	}
	if g.Slots == 0 {
		g.Slots = min(max(g.Fit(bytes/int64(rings)).Slots, least), most)
	}
	if need := int64(g.Bytes()) * int64(o.Workers); need > bytes {
		return g, &UsageError{"--ring-memory", fmt.Sprintf("%d MiB left, an interface needs at least %d MiB", max(bytes, 0)>>20, need>>20)}
	}
	return g, nil
}

// Periods of the manager.
const (
	// settle collects a burst of changes into one pass.
	settle = 5 * time.Millisecond
	// lookAfter is how often ports are looked at without a cause.
	lookAfter = 200 * time.Millisecond
	// upkeepPeriod is how often the guard is looked at, and who handles sent frames.
	upkeepPeriod = time.Second
	// ratePeriod is the estimator's step (kernel ip_vs_est.c).
	ratePeriod = 2 * time.Second
)
