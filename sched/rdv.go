package sched

import (
	"fmt"
	"math"
	"strconv"
)

// rendezvous takes the usable server that scores best for the client's address
// (weighted rendezvous hashing: Thaler and Ravishankar, "Using Name-Based Mappings
// to Increase Hit Rates", 1998; Schindelhauer and Schomaker, "Weighted Distributed
// Hash Tables", 2005): ours, not in ip_vs, which has mh.
//
//	argmin -ln(u) / weight, u = (mix(mix(key(client) + seed) + key(server)) >> 12 + 1/2) / 2^52
//
// key is a mix of all of an address and a port, mix the 64-bit finisher of
// SplitMix64. The client's port counts under flag-2 only, as sh-port and mh-port
// do; else it is 0. The first in the list of equals wins.
//
// Each server gets its exact share of the clients, whatever the weights; a
// server that becomes unusable, or loses weight, loses clients and nobody
// else's move; they go to the others in proportion to weight, and come back.
// No table has to be filled, so a weight may change at every moment. Directors
// agree if their Config.Seed is the same, whatever the order of the list; with
// a secret seed nobody can choose the server he gets.
//
// A pick looks at every server, O(n), with two multiplications each and seldom
// a logarithm. A change costs O(n).
type rendezvous struct {
	list []*Server
	keys []uint64 // of the servers
	seed uint64
	port bool
}

func newRendezvous(c *Config) Scheduler {
	return &rendezvous{seed: c.Seed, port: hasFlag(c.Flags, "flag-2", "flag-2")}
}

func (r *rendezvous) Name() string { return "rdv" }

func (r *rendezvous) Init(list []*Server)                      { r.changed(list) }
func (r *rendezvous) Added(list []*Server, _ *Server)          { r.changed(list) }
func (r *rendezvous) Edited([]*Server, *Server)                {}
func (r *rendezvous) Removed(list []*Server, _ *Server, _ int) { r.changed(list) }

func (r *rendezvous) changed(list []*Server) {
	r.list, r.keys = list, r.keys[:0]
	for _, s := range list {
		r.keys = append(r.keys, endKey(s.Addr.Words())+uint64(s.Port))
	}
}

// endKey makes one word of the two of an address.
func endKey(w0, w1 uint64) uint64 { return mix(mix(w0)+w1) << 16 }

// portOf is what counts of the client's port.
func (r *rendezvous) portOf(f *Flow) uint64 {
	if r.port {
		return uint64(f.ClientPort)
	}
	return 0
}

func (r *rendezvous) Pick(f *Flow) *Server {
	client := mix(endKey(f.Client.Words()) + r.portOf(f) + r.seed)
	var best *Server
	score := math.Inf(1)
	for i, s := range r.list {
		u := unit(mix(client + r.keys[i]))
		weight := float64(s.Weight.Load())
		// 1-u is at most -ln(u): with it too much, there is no need to know.
		if 1-u >= score*weight || !s.Usable() {
			continue
		}
		if sc := rdvScore(u, weight); sc < score {
			best, score = s, sc
		}
	}
	return best
}

// rdvScore is what servers are compared by.
func rdvScore(u, weight float64) float64 { return -math.Log(u) / weight }

// Explain implements Explainer.
func (r *rendezvous) Explain(f *Flow) Explanation {
	e := newExplanation("The usable server with the least score for the client is taken, "+
		"and the first in the list of equals.", r.list)
	client := mix(endKey(f.Client.Words()) + r.portOf(f) + r.seed)
	s := r.Pick(f)
	e.fact("client", "%s", hashed(f, r.port))
	e.fact("u", "a number between 0 and 1 made of the client, the server and the seed")
	e.Formula = "-ln(u) / weight"
	why := "least score of all"
	for i := range e.Candidates {
		c := &e.Candidates[i]
		if c.Excluded != "" {
			continue
		}
		u := unit(mix(client + r.keys[i]))
		c.Term, c.Value = fmt.Sprintf("-ln(%.6f)/%d", u, c.Weight), sixDigits(rdvScore(u, float64(c.Weight)))
		if c.Server == s {
			why = fmt.Sprintf("least score of all, %.6g", c.Value)
		}
	}
	e.choose(s, why)
	return *e
}

// sixDigits rounds x: all digits of a score would tell the seed.
func sixDigits(x float64) float64 {
	y, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64)
	return y
}

// unit maps x evenly to the numbers between 0 and 1, both left out.
func unit(x uint64) float64 { return (float64(x>>12) + 0.5) / (1 << 52) }
