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
	helperTime     = 5  // bpf_ktime_get_ns
	helperRandom   = 7  // bpf_get_prandom_u32
	helperRedirect = 23 // bpf_redirect
	xdpPass        = 2
	xdpDrop        = 1
	xdpAborted     = 0
	mapValue       = 2 // BPF_PSEUDO_MAP_VALUE: the immediate is a map

	headerChecksum = 14 + 10 // of an IPv4 header behind Ethernet's, in bytes
	sourceAddress  = 14 + 12
	sourcePort     = 14 + 20 // without IP options
	headersEnd     = 14 + 20 + 8
	// The payload begins with the complements of source port and address: with
	// them any source has the UDP checksum of the frame.
	portPad    = headersEnd
	addressPad = headersEnd + 2
	leastFrame = headersEnd + 6
)

// bits64 is the size of a double word (BPF_DW).
const bits64 = 0x18

// Operation codes.
const (
	load32   = unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W
	load64   = unix.BPF_LDX | unix.BPF_MEM | bits64
	store64  = unix.BPF_STX | unix.BPF_MEM | bits64
	wideImm  = unix.BPF_LD | unix.BPF_IMM | bits64 // of two instructions
	store16  = unix.BPF_STX | unix.BPF_MEM | unix.BPF_H
	store32  = unix.BPF_STX | unix.BPF_MEM | unix.BPF_W
	imm16    = unix.BPF_ST | unix.BPF_MEM | unix.BPF_H
	imm32    = unix.BPF_ST | unix.BPF_MEM | unix.BPF_W
	move     = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_X
	moveImm  = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_K
	move32   = unix.BPF_ALU | unix.BPF_MOV | unix.BPF_X
	addImm64 = unix.BPF_ALU64 | unix.BPF_ADD | unix.BPF_K
	add32    = unix.BPF_ALU | unix.BPF_ADD | unix.BPF_X
	add32Imm = unix.BPF_ALU | unix.BPF_ADD | unix.BPF_K
	sub32    = unix.BPF_ALU | unix.BPF_SUB | unix.BPF_X
	mul32Imm = unix.BPF_ALU | unix.BPF_MUL | unix.BPF_K
	div32Imm = unix.BPF_ALU | unix.BPF_DIV | unix.BPF_K
	mod32Imm = unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K
	and32Imm = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	xor32Imm = unix.BPF_ALU | unix.BPF_XOR | unix.BPF_K
	shr32Imm = unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K
	bigEnd   = unix.BPF_ALU | unix.BPF_END | unix.BPF_TO_BE
	jumpFrom = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_X
	jumpOver = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_X
	call     = unix.BPF_JMP | unix.BPF_CALL
	exit     = unix.BPF_JMP | unix.BPF_EXIT
)

// program makes each frame that of a flow drawn at random and sends it on its
// way. Pages are used again after the receiver may have changed any field, so
// it writes all headers anew each time.
func program(c Config, due int) []instruction {
	body := append(pace(c, due), choose(c)...)
	body = append(body, headers(c.Frame)...)
	body = append(body, ends(c)...)
	body = append(body, verdict(c)...)
	return append([]instruction{
		{code: load32, dst: r7, src: r1, off: 0}, // xdp_md.data
		{code: load32, dst: r3, src: r1, off: 4}, // xdp_md.data_end
		{code: move, dst: r4, src: r7},
		{code: addImm64, dst: r4, imm: leastFrame},
		{code: jumpOver, dst: r4, src: r3, off: int16(len(body))},
	}, append(body,
		instruction{code: moveImm, dst: r0, imm: xdpAborted},
		instruction{code: exit},
	)...)
}

// pace drops the frame if it is not due yet. due is the descriptor of an array
// map with the time of the next one. What is late is made up for, but no more
// than maxBurst frames.
func pace(c Config, due int) []instruction {
	if c.Rate == 0 {
		return nil
	}
	interval := int32(1_000_000_000 / c.Rate)
	return []instruction{
		{code: call, imm: helperTime},
		{code: wideImm, dst: r1, src: mapValue, imm: int32(due)},
		{},
		{code: load64, dst: r2, src: r1},
		{code: jumpFrom, dst: r0, src: r2, off: 2},
		{code: moveImm, dst: r0, imm: xdpDrop},
		{code: exit},
		{code: addImm64, dst: r0, imm: -interval * maxBurst},
		{code: jumpFrom, dst: r2, src: r0, off: 1},
		{code: move, dst: r2, src: r0},
		{code: addImm64, dst: r2, imm: interval},
		{code: store64, dst: r1, src: r2},
	}
}

// choose leaves the flow's source port, less the first, in r0 and its source
// address, less the first, in r1.
func choose(c Config) []instruction {
	ports := int32(min(c.Ports, c.Flows))
	return []instruction{
		{code: call, imm: helperRandom},
		{code: mod32Imm, dst: r0, imm: int32(c.Flows)},
		{code: move32, dst: r1, src: r0},
		{code: div32Imm, dst: r1, imm: ports},
		{code: move32, dst: r2, src: r1},
		{code: mul32Imm, dst: r2, imm: ports},
		{code: sub32, dst: r0, src: r2},
	}
}

// headers writes the frame's first bytes.
func headers(frame []byte) (out []instruction) {
	at := 0
	for ; at+4 <= headersEnd; at += 4 {
		out = append(out, instruction{code: imm32, dst: r7, off: int16(at), imm: int32(binary.NativeEndian.Uint32(frame[at:]))})
	}
	return append(out, instruction{code: imm16, dst: r7, off: int16(at), imm: int32(binary.NativeEndian.Uint16(frame[at:]))})
}

// ends writes source port and address with their complements, and the header
// checksum (RFC 1071) that goes with the address.
func ends(c Config) []instruction {
	first := binary.BigEndian.Uint32(c.Frame[sourceAddress:])
	fold := []instruction{
		{code: move32, dst: r4, src: r3},
		{code: shr32Imm, dst: r4, imm: 16},
		{code: and32Imm, dst: r3, imm: 0xffff},
		{code: add32, dst: r3, src: r4},
	}
	out := []instruction{
		{code: add32Imm, dst: r0, imm: int32(c.FirstPort)},
		{code: bigEnd, dst: r0, imm: 16},
		{code: store16, dst: r7, src: r0, off: sourcePort},
		{code: xor32Imm, dst: r0, imm: 0xffff},
		{code: store16, dst: r7, src: r0, off: portPad},
		{code: add32Imm, dst: r1, imm: int32(first)},
		{code: move32, dst: r3, src: r1},
		{code: shr32Imm, dst: r3, imm: 16},
		{code: move32, dst: r4, src: r1},
		{code: and32Imm, dst: r4, imm: 0xffff},
		{code: add32, dst: r3, src: r4},
		{code: add32Imm, dst: r3, imm: int32(sumWithoutSource(c.Frame))},
	}
	out = append(append(out, fold...), fold...)
	return append(out,
		instruction{code: xor32Imm, dst: r3, imm: 0xffff},
		instruction{code: bigEnd, dst: r3, imm: 16},
		instruction{code: store16, dst: r7, src: r3, off: headerChecksum},
		instruction{code: bigEnd, dst: r1, imm: 32},
		instruction{code: store32, dst: r7, src: r1, off: sourceAddress},
		instruction{code: xor32Imm, dst: r1, imm: -1},
		instruction{code: store32, dst: r7, src: r1, off: addressPad},
	)
}

// sumWithoutSource is the sum of the words of the IPv4 header but for the
// checksum and the source address.
func sumWithoutSource(frame []byte) (sum uint32) {
	for at := 14; at < 34; at += 2 {
		if at != headerChecksum && at != sourceAddress && at != sourceAddress+2 {
			sum += uint32(binary.BigEndian.Uint16(frame[at:]))
		}
	}
	return sum
}

// verdict lets the frame come in at its interface or leave by it.
func verdict(c Config) []instruction {
	if !c.Transmit {
		return []instruction{{code: moveImm, dst: r0, imm: xdpPass}, {code: exit}}
	}
	return []instruction{
		{code: moveImm, dst: r1, imm: int32(c.Index)},
		{code: moveImm, dst: r2, imm: 0},
		{code: call, imm: helperRedirect},
		{code: exit},
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
