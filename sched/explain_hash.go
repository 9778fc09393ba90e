package sched

import (
	"fmt"
	"net/netip"
)

// hashed names what is hashed of a client.
func hashed(f *Flow, port bool) string {
	if port {
		return netip.AddrPortFrom(f.Client.Netip(), f.ClientPort).String()
	}
	return f.Client.String()
}

// folded says how a client becomes the number that is hashed.
func folded(f *Flow, port bool, key uint32) string {
	how := "as a number"
	if !f.Client.Is4() {
		how = "folded to a number"
	}
	if port {
		return fmt.Sprintf("%s %s + port %d = %d", f.Client, how, f.ClientPort, key)
	}
	return fmt.Sprintf("%s %s: %d", f.Client, how, key)
}

// bucketOf says how a number becomes a bucket.
func bucketOf(key uint32) string {
	return fmt.Sprintf("%d * 0x61C88647 mod 2^32 >> 24 = %d, of %d", key, bucket(key), buckets)
}

// holder names the server of a slot, which may have none.
func holder(s *Server) string {
	if s == nil {
		return "no server"
	}
	return standing(s)
}

// probes collects the slots that a fallback looks at.
type probes struct {
	e    *Explanation
	n    int
	last Fact
}

// look notes a slot. Of many only the first and the last are told.
func (p *probes) look(slot string, s *Server) {
	p.n++
	p.last = Fact{"fallback", slot + ": " + holder(s)}
	if p.n <= someNames {
		p.e.Facts = append(p.e.Facts, p.last)
	}
}

// end notes how it went on after the first.
func (p *probes) end() {
	if p.n > someNames+1 {
		p.e.fact("fallback", "%d more, without a usable server", p.n-someNames-1)
	}
	if p.n > someNames {
		p.e.Facts = append(p.e.Facts, p.last)
	}
}

// chooseSlot notes the server picked by its slot, or by a fallback.
func (e *Explanation) chooseSlot(s, own *Server, fallback bool, slot string) {
	switch {
	case s == nil && own == nil:
		e.Why = "the " + slot + " has no server"
	case s != nil && s == own:
		e.choose(s, "server of the "+slot)
	case s != nil:
		e.choose(s, "first usable server of the fallback")
	case fallback:
		e.Why = "neither the server of the " + slot + " nor one of the fallback is usable"
	default:
		e.Why = "the server of the " + slot + " is not usable, and no other is asked"
	}
}

// Explain implements Explainer.
func (d *destinationHash) Explain(f *Flow) Explanation {
	e := newExplanation("The server in the bucket of the destination address is taken, "+
		"or none if it is not usable.", d.list)
	key := fold(f.Virtual)
	e.fact("destination", "%s", folded(&Flow{Client: f.Virtual}, false, key))
	e.fact("bucket", "%s", bucketOf(key))
	if len(d.list) == 0 {
		return *e
	}
	i := int(bucket(key))
	own := d.list[i%len(d.list)]
	e.fact("server", "%d mod %d = %d, from the head of the list: %s", i, len(d.list), i%len(d.list), standing(own))
	e.chooseSlot(d.Pick(f), own, false, "bucket")
	return *e
}

// Explain implements Explainer.
func (h *sourceHash) Explain(f *Flow) Explanation {
	e := newExplanation("The server in the bucket of the client is taken, or none if it is not usable, "+
		"unless there is a fallback.", h.list)
	key := h.key(f)
	i := bucket(key)
	own, s := h.table[i], h.Pick(f)
	e.fact("client", "%s", folded(f, h.port, key))
	e.fact("bucket", "%s", bucketOf(key))
	e.fact("server", "%s", holder(own))
	if len(h.list) == 0 {
		return *e
	}
	if h.fallback && s != own {
		p := probes{e: e}
		for offset := range buckets {
			b := probe(i, offset)
			p.look(fmt.Sprintf("bucket (2*%d + %d) mod %d = %d", i, offset, buckets, b), h.table[b])
			if s != nil && h.table[b] == s {
				break
			}
		}
		p.end()
	}
	e.chooseSlot(s, own, h.fallback, "bucket")
	return *e
}

// Explain implements Explainer.
func (m *maglev) Explain(f *Flow) Explanation {
	e := newExplanation("The server at the client's place of the table is taken, or none if it is not usable, "+
		"unless there is a fallback.", m.list)
	key := m.key(f)
	place := sipHash13(key, mhStartKey) % mhPlaces
	own, s := m.table[place], m.Pick(f)
	e.fact("client", "%s", folded(f, m.port, key))
	e.fact("place", "SipHash-1-3(%d) mod %d = %d", key, mhPlaces, place)
	e.fact("server", "%s", holder(own))
	if len(m.list) == 0 {
		return *e
	}
	if m.fallback && s != own {
		m.explainFallback(e, key, place, s)
	}
	e.chooseSlot(s, own, m.fallback, "place")
	return *e
}

// explainFallback goes the way of pickFallback to s.
func (m *maglev) explainFallback(e *Explanation, key, place uint32, s *Server) {
	if !anyUsable(m.list) {
		e.fact("fallback", "not tried, since no server is usable")
		return
	}
	p := probes{e: e}
	for i := range uint32(mhPlaces) {
		offset := mhOffset(place, i)
		at := mhProbe(key, offset)
		p.look(fmt.Sprintf("place SipHash-1-3(%d + %d) mod %d = %d", key, offset, mhPlaces, at), m.table[at])
		if s != nil && m.table[at] == s {
			break
		}
	}
	p.end()
}
