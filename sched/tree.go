package sched

import "math/bits"

// key is a server's rank as a number: the less, the earlier it is taken. From
// the top: 40 bits of whole load per weight, 62 bits of its fraction, 26 bits
// of place, in which the head of the list is least.
//
// A load is below 2^40, since (2^31-1) * 257 is. Different fractions with
// weights below 2^31 are more than 2^-62 apart, and so differ in these bits;
// equal ones are equal in them.
type key struct{ hi, lo uint64 }

const (
	fractionBits = 62
	placeBits    = 26
	maxPlace     = 1<<placeBits - 1
)

// never is the key of a place where there is nothing to take, above all others.
var never = key{1<<64 - 1, 1<<64 - 1}

// rank returns the key of a load per weight, which is above 0, at a place. A
// higher place is nearer to the head of the list.
func rank(load, weight uint64, place int) key {
	whole, rest := load/weight, load%weight
	fraction, _ := bits.Div64(rest>>(64-fractionBits), rest<<fractionBits, weight)
	const over = 64 - placeBits // bits of the fraction that lo has room for
	return key{whole<<(fractionBits-over) | fraction>>over, fraction<<placeBits | uint64(maxPlace-place)}
}

// place returns the place that k was made with.
func (k key) place() int { return maxPlace - int(k.lo&maxPlace) }

func (k key) less(o key) bool {
	_, borrow := bits.Sub64(k.lo, o.lo, 0)
	_, borrow = bits.Sub64(k.hi, o.hi, borrow)
	return borrow != 0
}

// tree knows the least of its keys: each key of a level is the least of fan
// ones of the level before, up to one at the top. Memory: 16 bytes a place, and
// a seventh more.
type tree struct{ levels [][]key }

const fan = 8

// newTree has room for places below size, all of them empty.
func newTree(size int) (t tree) {
	for n := max(size, 1); ; n /= fan {
		if n > 1 {
			n = (n + fan - 1) / fan * fan
		}
		level := make([]key, n)
		for i := range level {
			level[i] = never
		}
		t.levels = append(t.levels, level)
		if n == 1 {
			return t
		}
	}
}

// size returns the number of places.
func (t *tree) size() int { return len(t.levels[0]) }

// least returns the least key.
func (t *tree) least() key { return t.levels[len(t.levels)-1][0] }

// set changes the key of place i. It costs a few steps for each of the
// log(size)/log(fan) levels that the change concerns.
func (t *tree) set(i int, k key) {
	for n := range len(t.levels) - 1 {
		level := t.levels[n]
		was := level[i]
		level[i] = k
		i /= fan
		up := t.levels[n+1][i]
		switch {
		case k.less(up): // the new least of its group
		case was == up: // was the least
			k = least((*[fan]key)(level[i*fan:]))
		default:
			return
		}
	}
	t.levels[len(t.levels)-1][0] = k
}

// least compares in pairs, which the processor does side by side.
func least(g *[fan]key) key {
	return min2(min2(min2(g[0], g[1]), min2(g[2], g[3])), min2(min2(g[4], g[5]), min2(g[6], g[7])))
}

// min2 returns the lesser key without a branch, which nobody could predict.
func min2(a, b key) key {
	_, borrow := bits.Sub64(b.lo, a.lo, 0)
	_, borrow = bits.Sub64(b.hi, a.hi, borrow)
	mask := -borrow // all ones if b is less
	return key{a.hi ^ (a.hi^b.hi)&mask, a.lo ^ (a.lo^b.lo)&mask}
}
