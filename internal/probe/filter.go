package probe

import (
	"fmt"

	"golang.org/x/net/bpf"

	"ulvs/wire"
)

// answersOnly is a packet filter: ARP, TCP to a port of the block, and the ICMP
// messages that can be about a question.
func answersOnly(block uint16) ([]bpf.RawInstruction, error) {
	const ( // places in a frame without a VLAN tag; the kernel has taken it out
		etherType = 12
		ip        = wire.EthernetLen
		ip6       = ip + wire.IPv6Len
	)
	program, err := bpf.Assemble([]bpf.Instruction{
		0:  bpf.LoadAbsolute{Off: etherType, Size: 2},
		1:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(wire.EtherTypeARP), SkipTrue: 26},
		2:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(wire.EtherTypeIPv6), SkipTrue: 13},
		3:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(wire.EtherTypeIPv4), SkipFalse: 23},
		4:  bpf.LoadAbsolute{Off: ip + 6, Size: 2},
		5:  bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: 21}, // a later fragment
		6:  bpf.LoadMemShift{Off: ip},
		7:  bpf.LoadAbsolute{Off: ip + 9, Size: 1},
		8:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(wire.ProtoTCP), SkipFalse: 2},
		9:  bpf.LoadIndirect{Off: ip + 2, Size: 2},
		10: bpf.Jump{Skip: 14},
		11: bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(wire.ProtoICMP), SkipFalse: 15},
		12: bpf.LoadIndirect{Off: ip, Size: 1},
		13: bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(wire.ICMPUnreachable), SkipTrue: 14},
		14: bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(wire.ICMPTimeExceeded), SkipTrue: 13},
		15: bpf.Jump{Skip: 11},
		16: bpf.LoadAbsolute{Off: ip + 6, Size: 1},
		17: bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(wire.ProtoTCP), SkipFalse: 2},
		18: bpf.LoadAbsolute{Off: ip6 + 2, Size: 2},
		19: bpf.Jump{Skip: 5},
		20: bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(wire.ProtoICMPv6), SkipFalse: 6},
		21: bpf.LoadAbsolute{Off: ip6, Size: 1},
		22: bpf.JumpIf{Cond: bpf.JumpLessThan, Val: uint32(wire.ICMP6Echo), SkipTrue: 5}, // an error
		23: bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(wire.ICMP6NeighbourAnswer), SkipTrue: 4},
		24: bpf.Jump{Skip: 2},
		25: bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: portMask},
		26: bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(block), SkipTrue: 1},
		27: bpf.RetConstant{Val: 0},
		28: bpf.RetConstant{Val: 1 << 18}, // more than any frame
	})
	if err != nil {
		return nil, fmt.Errorf("assemble packet filter: %w", err)
	}
	return program, nil
}
