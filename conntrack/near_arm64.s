#include "textflag.h"

// func nearSlot(p *uint64)
TEXT ·nearSlot(SB), NOSPLIT, $0-8
	MOVD	p+0(FP), R0
	PRFM	(R0), PLDL1KEEP
	RET

// func nearConn(c *Conn)
TEXT ·nearConn(SB), NOSPLIT, $0-8
	MOVD	c+0(FP), R0
	PRFM	(R0), PLDL1KEEP
	RET

// func nearDue(p *uint32)
TEXT ·nearDue(SB), NOSPLIT, $0-8
	MOVD	p+0(FP), R0
	PRFM	(R0), PLDL1KEEP
	RET
