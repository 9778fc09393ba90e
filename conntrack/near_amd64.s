#include "textflag.h"

// func nearSlot(p *uint64)
TEXT ·nearSlot(SB), NOSPLIT, $0-8
	MOVQ	p+0(FP), AX
	PREFETCHT0	(AX)
	RET

// func nearConn(c *Conn)
TEXT ·nearConn(SB), NOSPLIT, $0-8
	MOVQ	c+0(FP), AX
	PREFETCHT0	(AX)
	RET

// func nearDue(p *uint32)
TEXT ·nearDue(SB), NOSPLIT, $0-8
	MOVQ	p+0(FP), AX
	PREFETCHT0	(AX)
	RET
