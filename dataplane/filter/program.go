package filter

import "golang.org/x/net/bpf"

// maxInstructions is the kernel's limit for a classic BPF program
// (include/uapi/linux/bpf_common.h, BPF_MAXINSNS).
const maxInstructions = 4096

// maxSkip is the farthest that a conditional jump of classic BPF reaches.
const maxSkip = 255

// label is a place in a program that jumps go to.
type label int

// Labels that every program has; next gives the others.
const (
	accept label = iota
	drop
	firstFree
)

// line is one line of a program: an instruction, a jump, or a label's place.
type line struct {
	ins    bpf.Instruction // if not nil
	jump   bool
	always bool // jump whatever A is
	test   bpf.JumpTest
	val    uint32
	target label // of a jump
	place  label // of a line that is neither
	far    bool  // a conditional jump that needs a Jump to reach
}

// program is a list of lines that jump forward to labels. It hides that a
// conditional jump reaches only 255 instructions.
type program struct {
	lines []line
	free  label
}

func newProgram() *program { return &program{free: firstFree} }

// next returns a label that has no place yet.
func (p *program) next() label {
	p.free++
	return p.free - 1
}

func (p *program) do(ins bpf.Instruction) { p.lines = append(p.lines, line{ins: ins}) }

// when jumps to target if the test of A against val is true.
func (p *program) when(test bpf.JumpTest, val uint32, target label) {
	p.lines = append(p.lines, line{jump: true, test: test, val: val, target: target})
}

// jump goes to target.
func (p *program) jump(target label) {
	p.lines = append(p.lines, line{jump: true, always: true, target: target})
}

// mark gives l its place here. Every jump to l comes before.
func (p *program) mark(l label) { p.lines = append(p.lines, line{place: l}) }

// size returns how many instructions a line becomes.
func (l *line) size() int {
	switch {
	case l.far:
		return 2
	case l.ins == nil && !l.jump:
		return 0
	}
	return 1
}

// assemble writes the program down. Jumps that do not reach become far, which
// moves others out of reach, so it repeats until none does.
func (p *program) assemble() []bpf.Instruction {
	for {
		places := p.places()
		if p.stretch(places) {
			continue
		}
		return p.emit(places)
	}
}

// places returns the instruction number of each label.
func (p *program) places() []int {
	places := make([]int, p.free)
	at := 0
	for i := range p.lines {
		l := &p.lines[i]
		if l.ins == nil && !l.jump {
			places[l.place] = at
		}
		at += l.size()
	}
	return places
}

// stretch makes far what does not reach and reports whether there was any.
func (p *program) stretch(places []int) bool {
	at, any := 0, false
	for i := range p.lines {
		l := &p.lines[i]
		at += l.size()
		if l.jump && !l.always && !l.far && places[l.target]-at > maxSkip {
			l.far, any = true, true
		}
	}
	return any
}

func (p *program) emit(places []int) []bpf.Instruction {
	var out []bpf.Instruction
	for i := range p.lines {
		l := &p.lines[i]
		skip := places[l.target] - len(out) - l.size()
		switch {
		case l.ins != nil:
			out = append(out, l.ins)
		case l.always:
			out = append(out, bpf.Jump{Skip: uint32(skip)})
		case l.far:
			out = append(out, bpf.JumpIf{Cond: l.test, Val: l.val, SkipFalse: 1}, bpf.Jump{Skip: uint32(skip)})
		case l.jump:
			out = append(out, bpf.JumpIf{Cond: l.test, Val: l.val, SkipTrue: uint8(skip)})
		}
	}
	return out
}
