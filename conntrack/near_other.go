//go:build !amd64 && !arm64

package conntrack

// Without the processor's prefetches look-ups wait, each for itself.

func nearSlot(*uint64) {}
func nearConn(*Conn)   {}
func nearDue(*uint32)  {}
