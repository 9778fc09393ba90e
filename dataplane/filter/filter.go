package filter

import (
	"fmt"
	"net/netip"

	"golang.org/x/net/bpf"
)

// Endpoint is an address with a protocol and a port in host order. Port 0
// means all ports of the protocol.
type Endpoint struct {
	Addr  netip.Addr
	Port  uint16
	Proto uint8 // TCP 6, UDP 17, SCTP 132
}

// Rules say what shall come in.
type Rules struct {
	// Services are the virtual services: packets to them pass, and to their
	// addresses all ICMP and all fragments.
	Services []Endpoint
	// NATReals are the real servers whose replies the director rewrites:
	// packets from them pass, and from their addresses all fragments.
	NATReals []Endpoint
	// Virtual are virtual addresses beside those of Services: all ICMP and all
	// fragments to them pass.
	Virtual []netip.Addr
	// ServiceRanges are what mark rules lead to services: packets to them pass,
	// and all fragments of their protocol to their addresses.
	ServiceRanges []Range
	// ReplyRanges are where the replies to those come from.
	ReplyRanges []Range
	// AllIPv4 lets all IPv4 in.
	AllIPv4 bool
}

// Precision tells how closely a program follows its rules.
type Precision uint8

// A program is as exact as the kernel's limit of 4096 instructions allows.
const (
	Exact     Precision = iota // as Rules says
	Addresses                  // all packets to and from the addresses
	All                        // all IPv4, and all IPv6 if any rule is about IPv6
)

// String returns the word used in logs.
func (p Precision) String() string {
	switch p {
	case Exact:
		return "exact"
	case Addresses:
		return "addresses"
	}
	return "all-ip"
}

// Places in a frame that has no VLAN tag; the kernel has taken it out.
const (
	offEtherType = 12
	offFragment  = 14 + 6
	offProtocol  = 14 + 9
	offSource    = 14 + 12
	offDest      = 14 + 16
	offIP        = 14 // IHL; and base of ports and ICMP type, past the IP header in X

	etherTypeIPv4 = 0x0800
	etherTypeARP  = 0x0806

	protoICMP = 1

	anyFragment   = 0x3fff // MF and offset
	laterFragment = 0x1fff // offset

	wholeFrame = 1 << 18 // bytes to capture; more than any frame
)

// icmpErrors are the ICMP types that quote a packet (RFC 792; RFC 1122 section
// 3.2.2): unreachable, source quench, time exceeded, parameter problem. One
// about a balanced connection may come from any router.
var icmpErrors = [...]uint32{3, 4, 11, 12}

// Build returns a program for the rules, and how exact it is. ARP and ICMP
// errors always pass, and all ICMPv6 if any rule is about IPv6, of which what has
// extension headers is matched by addresses only; everything else is dropped.
func Build(r Rules) ([]bpf.Instruction, Precision) { return BuildFrom(r, Exact) }

// BuildFrom is Build, but no more exact than that: for sockets that may not have
// the memory for a long program.
func BuildFrom(r Rules, most Precision) ([]bpf.Instruction, Precision) {
	for p := most; p < All && !r.AllIPv4; p++ {
		if prog := build(r, p); len(prog) <= maxInstructions {
			return prog, p
		}
	}
	return buildAll(&r), All
}

// Assemble is BuildFrom in the form that sockets take.
func Assemble(r Rules, most Precision) ([]bpf.RawInstruction, Precision, error) {
	prog, precision := BuildFrom(r, most)
	raw, err := bpf.Assemble(prog)
	if err != nil {
		return nil, precision, fmt.Errorf("assemble filter: %w", err)
	}
	return raw, precision, nil
}

func buildAll(r *Rules) []bpf.Instruction {
	p := newProgram()
	p.do(bpf.LoadAbsolute{Off: offEtherType, Size: 2})
	p.when(bpf.JumpEqual, etherTypeARP, accept)
	p.when(bpf.JumpEqual, etherTypeIPv4, accept)
	if r.has6() {
		p.when(bpf.JumpEqual, etherTypeIPv6, accept)
	}
	return p.finish()
}

func build(r Rules, precision Precision) []bpf.Instruction {
	p := newProgram()
	p.do(bpf.LoadAbsolute{Off: offEtherType, Size: 2})
	p.when(bpf.JumpEqual, etherTypeARP, accept)
	is6 := p.next()
	if r.has6() {
		p.when(bpf.JumpEqual, etherTypeIPv6, is6)
	}
	p.when(bpf.JumpNotEqual, etherTypeIPv4, drop)
	p.acceptICMPErrors()
	marked, fromReal, toMarked := p.next(), p.next(), p.next()
	services := group(r.Services)
	addVirtual(services, r.Virtual)
	p.side(services, precision, service, marked)
	p.mark(marked)
	p.ranges(r.ServiceRanges, precision, service, fromReal)
	p.mark(fromReal)
	p.side(group(r.NATReals), precision, reply, toMarked)
	p.mark(toMarked)
	p.ranges(r.ReplyRanges, precision, reply, drop)
	p.mark(is6)
	if r.has6() {
		p.ipv6(&r, precision)
	}
	return p.finish()
}

// finish ends the program with its two results.
func (p *program) finish() []bpf.Instruction {
	p.mark(drop)
	p.do(bpf.RetConstant{Val: 0})
	p.mark(accept)
	p.do(bpf.RetConstant{Val: wholeFrame})
	return p.assemble()
}

// acceptICMPErrors accepts ICMP errors from and to anywhere.
func (p *program) acceptICMPErrors() {
	others := p.next()
	p.do(bpf.LoadAbsolute{Off: offProtocol, Size: 1})
	p.when(bpf.JumpNotEqual, protoICMP, others)
	p.do(bpf.LoadAbsolute{Off: offFragment, Size: 2})
	p.when(bpf.JumpBitsSet, laterFragment, others)
	p.do(bpf.LoadMemShift{Off: offIP})
	p.do(bpf.LoadIndirect{Off: offIP, Size: 1})
	for _, t := range icmpErrors {
		p.when(bpf.JumpEqual, t, accept)
	}
	p.mark(others)
}
