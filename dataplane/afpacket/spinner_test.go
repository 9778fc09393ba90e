package afpacket

import (
	"math"
	"testing"
	"time"
)

func TestSpinner(t *testing.T) {
	for _, tt := range []struct {
		mode Poll
		want time.Duration
	}{{Block, 0}, {Spin, math.MaxInt64}} {
		p := spinner{mode: tt.mode}
		for range 3 * tryEvery {
			if got := p.next(); got != tt.want {
				t.Fatalf("%v: %v, want %v", tt.mode, got, tt.want)
			}
			p.learn(false)
		}
	}
}

// TestSpinnerAdapts: looks in vain end the looking but for a try now and then,
// a success begins it again.
func TestSpinnerAdapts(t *testing.T) {
	p := spinner{credit: fullCredit}
	looks := func(waits int) (n int) {
		for range waits {
			if p.next() > 0 {
				n++
				p.learn(false)
			}
		}
		return n
	}
	if n := looks(fullCredit); n != fullCredit {
		t.Errorf("looked %d times of %d at first", n, fullCredit)
	}
	if n := looks(10 * tryEvery); n != 10 {
		t.Errorf("looked %d times in %d idle waits, want 10", n, 10*tryEvery)
	}
	p.learn(true)
	if n := looks(fullCredit); n != fullCredit {
		t.Errorf("looked %d times of %d after a success", n, fullCredit)
	}
}

func TestParsePoll(t *testing.T) {
	for _, p := range []Poll{Adaptive, Block, Spin} {
		if got, err := ParsePoll(p.String()); got != p || err != nil {
			t.Errorf("%v: %v, %v", p, got, err)
		}
	}
	if _, err := ParsePoll("busy"); err == nil || err.Error() != `"busy" is not one of adaptive, block, spin` {
		t.Errorf("busy: %v", err)
	}
}
