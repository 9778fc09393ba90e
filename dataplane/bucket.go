package dataplane

import "time"

// bucket is a token bucket: a token every icmpPeriod, at most icmpBurst saved
// up.
type bucket struct {
	tokens int
	last   time.Duration // when the last token came in
}

// Rate limit of ICMP errors, per lane: 1000 a second, as generous as a
// router's, far below what would make the director an amplifier.
const (
	icmpPeriod = time.Millisecond
	icmpBurst  = 100
)

// take reports whether a token was left at time now.
func (b *bucket) take(now time.Duration) bool {
	n := (now - b.last) / icmpPeriod
	if n >= icmpBurst {
		b.tokens, b.last = icmpBurst, now
	} else {
		b.tokens = min(b.tokens+int(n), icmpBurst)
		b.last += n * icmpPeriod
	}
	if b.tokens == 0 {
		return false
	}
	b.tokens--
	return true
}
