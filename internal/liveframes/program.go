package liveframes

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// instruction is one eBPF instruction (RFC 9669 section 3).
type instruction struct {
	code     uint8
	dst, src uint8
	off      int16
	imm      int32
}

// Registers: r0 is a result, r1 the context at entry, r6 to r9 survive calls.
const (
	r0 = iota
	r1
	r2
	r3
	r4
	r7 = 7
)

const (
	helperRandom = 7 // bpf_get_prandom_u32
	xdpPass      = 2
	sourcePort   = 14 + 20 // of a UDP frame without IP options, in bytes
	leastFrame   = 14 + 20 + 8
)

// program passes each frame up the stack with a source port drawn from flows
// ports beginning at firstPort. Pages are used again, so it writes what it
// changes anew each time.
func program(firstPort, flows int) []instruction {
	const (
		load32   = unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W
		store16  = unix.BPF_STX | unix.BPF_MEM | unix.BPF_H
		move     = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_X
		moveImm  = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_K
		addImm   = unix.BPF_ALU64 | unix.BPF_ADD | unix.BPF_K
		modImm   = unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K
		bigEnd   = unix.BPF_ALU | unix.BPF_END | unix.BPF_TO_BE
		jumpOver = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_X
	)
	return []instruction{
		{code: load32, dst: r7, src: r1, off: 0}, // xdp_md.data
		{code: load32, dst: r3, src: r1, off: 4}, // xdp_md.data_end
		{code: move, dst: r4, src: r7},
		{code: addImm, dst: r4, imm: leastFrame},
		{code: jumpOver, dst: r4, src: r3, off: 5},
		{code: unix.BPF_JMP | unix.BPF_CALL, imm: helperRandom},
		{code: modImm, dst: r0, imm: int32(flows)},
		{code: addImm, dst: r0, imm: int32(firstPort)},
		{code: bigEnd, dst: r0, imm: 16},
		{code: store16, dst: r7, src: r0, off: sourcePort},
		{code: moveImm, dst: r0, imm: xdpPass},
		{code: unix.BPF_JMP | unix.BPF_EXIT},
	}
}

// encode writes instructions as the kernel reads them.
func encode(prog []instruction) []byte {
	var b []byte
	for _, in := range prog {
		b = append(b, in.code, in.dst|in.src<<4)
		b = binary.NativeEndian.AppendUint16(b, uint16(in.off))
		b = binary.NativeEndian.AppendUint32(b, uint32(in.imm))
	}
	return b
}
