package sched

import "math/bits"

// random is a small generator of numbers that look random, from a seed: the
// same seed gives the same picks. It is SplitMix64 (Steele, Lea and Flood, "Fast
// Splittable Pseudorandom Number Generators", OOPSLA 2014): good enough to
// balance, and not meant to keep secrets.
type random struct{ state uint64 }

// next returns 64 bits.
func (r *random) next() uint64 {
	r.state += 0x9E3779B97F4A7C15
	return mix(r.state)
}

// mix spreads the bits of x over all of the result; it is one to one.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// below returns a number from 0 to n-1, each equally likely; n > 0 (Lemire,
// "Fast Random Integer Generation in an Interval", 2019).
func (r *random) below(n uint64) uint64 {
	hi, lo := bits.Mul64(r.next(), n)
	if lo < n {
		for tooLow := -n % n; lo < tooLow; {
			hi, lo = bits.Mul64(r.next(), n)
		}
	}
	return hi
}
