package afpacket

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Poll is how a Poller waits for frames.
type Poll uint8

// Values of Poll.
const (
	// Adaptive looks at the rings for a while before it sleeps, as long as
	// that is worth it.
	Adaptive Poll = iota
	// Block sleeps at once: least processor time, a wake-up's delay for each
	// frame that finds the worker idle.
	Block
	// Spin never sleeps and takes a whole processor.
	Spin
)

var pollNames = []string{"adaptive", "block", "spin"}

// ParsePoll is the inverse of String.
func ParsePoll(name string) (Poll, error) {
	if i := slices.Index(pollNames, name); i >= 0 {
		return Poll(i), nil
	}
	return 0, fmt.Errorf("%q is not one of %s", name, strings.Join(pollNames, ", "))
}

// String returns the word that a user types.
func (p Poll) String() string { return pollNames[p] }

// spinTime is how long Adaptive looks at the rings before it sleeps. A wake-up
// costs more than 50 us on a virtual machine, so this halves the round trip of
// a conversation and costs at most that much of a processor per wait.
const spinTime = 50 * time.Microsecond

// crowded is how long others may have the processor between two looks without
// being in our way: interrupts take less.
const crowded = 20 * time.Microsecond

// Bounds of a spinner.
const (
	fullCredit = 8  // looks in vain until Adaptive gives up looking
	tryEvery   = 16 // waits after which it tries again
)

// spinner says for each wait how long to look at the rings before sleeping.
// Adaptive looks as long as it pays: every look in vain costs credit, one
// success gives all of it back, and without credit it only tries now and then.
// So a worker that gets ten packets a second does not burn a processor for each,
// and one in a conversation answers without a wake-up.
type spinner struct {
	mode    Poll
	credit  int
	skipped int
}

// next is how long to look this time.
func (p *spinner) next() time.Duration {
	switch {
	case p.mode == Spin:
		return math.MaxInt64
	case p.mode == Block:
		return 0
	case p.credit > 0:
		return spinTime
	}
	if p.skipped++; p.skipped < tryEvery {
		return 0
	}
	p.skipped = 0
	return spinTime
}

// learn is told whether a look found anything.
func (p *spinner) learn(found bool) {
	if found {
		p.credit = fullCredit
	} else if p.credit > 0 {
		p.credit--
	}
}
