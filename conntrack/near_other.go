//go:build !amd64 && !arm64

package conntrack

import "sync/atomic"

// Without the processor's prefetches the slots of the index are read ahead, and
// each look-up waits for its entry alone.

func nearSlot(p *uint64) { atomic.LoadUint64(p) }
func nearConn(*Conn)     {}
func nearDue(*uint32)    {}
