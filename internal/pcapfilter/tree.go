package pcapfilter

import (
	"cmp"
	"slices"
)

// op is what a node of a filter does.
type op uint8

const (
	opNo op = iota
	opYes
	opTest
	opNot
	opAnd
	opOr
)

// node is a filter, or a part of one, for frames of one family.
type node struct {
	op   op
	t    test
	kids []node
}

var no, yes = node{op: opNo}, node{op: opYes}

// when is no or yes.
func when(ok bool) node {
	if ok {
		return yes
	}
	return no
}

// equal tests bits of four bytes for a value.
func equal(off uint16, mask, value uint32) node {
	return node{op: opTest, t: test{off: off, mask: mask, lo: value}}
}

// not negates.
func not(n node) node {
	switch n.op {
	case opNo:
		return yes
	case opYes:
		return no
	case opNot:
		return n.kids[0]
	}
	return node{op: opNot, kids: []node{n}}
}

// and and or join, with what is known beforehand left out.
func and(kids ...node) node { return join(opAnd, opYes, opNo, kids) }
func or(kids ...node) node  { return join(opOr, opNo, opYes, kids) }

// join joins by an operator whose neutral and deciding constants are given.
func join(by, neutral, decides op, kids []node) node {
	n := node{op: by}
	for _, k := range kids {
		switch k.op {
		case decides:
			return k
		case neutral:
		case by:
			n.kids = append(n.kids, k.kids...)
		default:
			n.kids = append(n.kids, k)
		}
	}
	switch len(n.kids) {
	case 0:
		return node{op: neutral}
	case 1:
		return n.kids[0]
	}
	// What is likely to decide comes first: most frames do not match, and of
	// those that do not, most have another port or address.
	slices.SortStableFunc(n.kids, func(a, b node) int {
		if by == opOr {
			a, b = b, a
		}
		return cmp.Compare(a.likely(), b.likely())
	})
	return n
}

// likely guesses how likely a frame fulfils n.
func (n *node) likely() float64 {
	switch n.op {
	case opYes:
		return 1
	case opTest:
		return n.t.likely()
	case opNot:
		return 1 - n.kids[0].likely()
	case opAnd:
		p := 1.0
		for i := range n.kids {
			p *= n.kids[i].likely()
		}
		return p
	case opOr:
		p := 0.0
		for i := range n.kids {
			p += n.kids[i].likely()
		}
		return min(p, 1)
	}
	return 0
}

func (t *test) likely() float64 {
	switch {
	case t.mask == notFragment.t.mask && t.off == notFragment.t.off && t.l4 == 0:
		return 0.99
	case t.mask == 0xffffffff: // an address: most are a client's
		return 0.005
	case t.either, t.l4 != 0:
		return 0.02
	case t.mask == 0xff || t.mask == 0xff000000: // a protocol
		return 0.5
	}
	return 0.1
}

// generate makes a program of n.
func generate(n node) code {
	c := code{steps: make([]step, 2)}
	c.entry = c.add(&n, 1, 0)
	return c
}

// add appends n, which goes on at one of the steps, and returns where it begins.
func (c *code) add(n *node, yes, no uint16) uint16 {
	switch n.op {
	case opNo:
		return no
	case opYes:
		return yes
	case opNot:
		return c.add(&n.kids[0], no, yes)
	case opAnd:
		for _, k := range slices.Backward(n.kids) {
			yes = c.add(&k, yes, no)
		}
		return yes
	case opOr:
		for _, k := range slices.Backward(n.kids) {
			no = c.add(&k, yes, no)
		}
		return no
	}
	c.steps = append(c.steps, step{n.t, yes, no})
	return uint16(len(c.steps) - 1)
}
