package sim

import (
	"encoding/binary"
	"math"

	"ulvs/wire"
)

// stream is a sequence of random numbers: SplitMix64 (Steele, Lea and Flood,
// "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014). It is eight
// bytes, so that every closed-loop client has its own.
type stream struct{ state uint64 }

// The purposes that have a stream of their own: what one scheduler draws more
// often does not shift what another one sees.
const (
	forArrivals = 1 + iota
	forWork
	forClients
	forDestinations
	forDirectors
	forThinking
	forSchedulers
	forAddresses
)

// newStream is the stream of a purpose, number n of it.
func newStream(seed, purpose, n uint64) stream {
	return stream{mix(mix(seed*0x9E3779B97F4A7C15+purpose) ^ n*0xD1342543DE82EF95)}
}

// mix spreads the bits of x over the result; it is one to one.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

func (r *stream) next() uint64 {
	x := mix(r.state)
	r.state += 0x9E3779B97F4A7C15
	return x
}

// float is above 0 and below 1.
func (r *stream) float() float64 { return (float64(r.next()>>11) + 0.5) / (1 << 53) }

// exp is exponential with mean 1.
func (r *stream) exp() float64 { return -math.Log(r.float()) }

// normal is standard normal (Box and Muller, 1958); one of the two is thrown away.
func (r *stream) normal() float64 {
	return math.Sqrt(2*r.exp()) * math.Cos(2*math.Pi*r.float())
}

// below is a whole number from 0 to n-1. Its bias is below n/2^53.
func (r *stream) below(n int) int { return int(r.float() * float64(n)) }

// sampler draws from a Dist.
type sampler struct {
	kind     uint8
	mean     float64
	mu       float64 // lognormal: of the logarithm
	sigma    float64
	scale    float64 // pareto: the least
	exponent float64 // pareto: -1/shape
}

const (
	exponential = iota
	deterministic
	lognormal
	pareto
)

func newSampler(d *Dist) sampler {
	mean := float64(d.Mean)
	switch d.Kind {
	case "deterministic":
		return sampler{kind: deterministic, mean: mean}
	case "lognormal":
		return sampler{kind: lognormal, mean: mean, sigma: d.Sigma, mu: math.Log(mean) - d.Sigma*d.Sigma/2}
	case "pareto":
		return sampler{kind: pareto, mean: mean, scale: mean * (d.Shape - 1) / d.Shape, exponent: -1 / d.Shape}
	}
	return sampler{kind: exponential, mean: mean}
}

// draw returns seconds.
func (s *sampler) draw(r *stream) float64 {
	switch s.kind {
	case deterministic:
		return s.mean
	case lognormal:
		return math.Exp(s.mu + s.sigma*r.normal())
	case pareto:
		return s.scale * math.Pow(r.float(), s.exponent)
	}
	return s.mean * r.exp()
}

// zipf draws numbers from 0 to n-1, number i in proportion to 1/(i+1)^s, in
// constant time: Walker's alias method, with Vose's construction (1991).
type zipf struct {
	share []float64 // of a column that is its own number
	alias []uint32  // the other number in it
}

func newZipf(p Popularity) zipf {
	z := zipf{make([]float64, p.Count), make([]uint32, p.Count)}
	sum := 0.0
	for i := range z.share {
		z.share[i] = math.Pow(float64(i+1), -p.Zipf)
		sum += z.share[i]
	}
	var small, large []uint32
	for i := range z.share {
		z.share[i] *= float64(p.Count) / sum
		if z.share[i] < 1 {
			small = append(small, uint32(i))
		} else {
			large = append(large, uint32(i))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		z.alias[s] = l
		if z.share[l] -= 1 - z.share[s]; z.share[l] < 1 {
			large, small = large[:len(large)-1], append(small, l)
		}
	}
	for _, i := range append(small, large...) { // 1 but for rounding
		z.share[i] = 1
	}
	return z
}

func (z *zipf) draw(r *stream) int {
	x := r.float() * float64(len(z.share))
	i := int(x)
	if x-float64(i) < z.share[i] {
		return i
	}
	return int(z.alias[i])
}

// Networks of the model's addresses, all in 2001:db8::/32 (RFC 3849).
const (
	netVirtual = 0x20010db8_0000_0000
	netServers = 0x20010db8_0001_0000
	netClients = 0x20010db8_0002_0000
	netObjects = 0x20010db8_0003_0000
)

// address is the one with these halves.
func address(net, host uint64) wire.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], net)
	binary.BigEndian.PutUint64(b[8:], host)
	return wire.AddrFrom16(b)
}
