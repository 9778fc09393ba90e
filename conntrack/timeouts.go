package conntrack

import (
	"fmt"
	"sync/atomic"
	"time"

	"ulvs/wire"
)

// Timeouts say how long a connection lives after a packet, by protocol and
// state. Any goroutine may read and change them at any time.
type Timeouts struct {
	tcp   [16]atomic.Int64 // by State
	udp   atomic.Int64
	other atomic.Int64
}

// defaults of kernel ip_vs_proto_tcp.c, tcp_timeouts.
var tcpDefaults = [numTCP]time.Duration{
	None:        2 * time.Second,
	Established: 15 * time.Minute,
	SynSent:     2 * time.Minute,
	SynRecv:     time.Minute,
	FinWait:     2 * time.Minute,
	TimeWait:    2 * time.Minute,
	Close:       10 * time.Second,
	CloseWait:   time.Minute,
	LastAck:     30 * time.Second,
	Listen:      2 * time.Minute,
	SynAck:      2 * time.Minute,
}

// Other defaults of ip_vs.
const (
	udpDefault   = 5 * time.Minute // kernel ip_vs_proto_udp.c
	otherDefault = time.Minute
)

// MaxTimeout is the longest timeout that can be set: 31 days, as ipvsadm.
const MaxTimeout = 31 * 24 * time.Hour

// NewTimeouts returns the defaults of ip_vs.
func NewTimeouts() *Timeouts {
	t := new(Timeouts)
	for s := range t.tcp {
		t.tcp[s].Store(int64(otherDefault))
	}
	for s, d := range tcpDefaults {
		t.tcp[s].Store(int64(d))
	}
	t.udp.Store(int64(udpDefault))
	t.other.Store(int64(otherDefault))
	return t
}

// Of returns the timeout of a connection of proto in state s.
func (t *Timeouts) Of(proto uint8, s State) time.Duration {
	switch proto {
	case wire.ProtoTCP:
		return time.Duration(t.tcp[s&15].Load())
	case wire.ProtoUDP:
		return time.Duration(t.udp.Load())
	}
	return t.rare(proto, s)
}

// rare is Of for the protocols that are seldom seen. It stays a call of its own
// so that Of is small where it is inlined.
//
//go:noinline
func (t *Timeouts) rare(proto uint8, s State) time.Duration {
	if proto == wire.ProtoSCTP {
		return sctpTimeout(s)
	}
	return time.Duration(t.other.Load())
}

// Get returns the three that ipvsadm --set changes: TCP ESTABLISHED, TCP
// FIN_WAIT and UDP.
func (t *Timeouts) Get() (tcp, fin, udp time.Duration) {
	return t.Of(wire.ProtoTCP, Established), t.Of(wire.ProtoTCP, FinWait), t.Of(wire.ProtoUDP, UDPNormal)
}

// Set changes the three that Get returns; 0 leaves one as it is. Connections
// take the new value with their next packet. The values must lie in
// 0..MaxTimeout; otherwise nothing is changed.
func (t *Timeouts) Set(tcp, fin, udp time.Duration) error {
	named := []struct {
		name string
		at   *atomic.Int64
		d    time.Duration
	}{
		{"tcp", &t.tcp[Established], tcp},
		{"tcpfin", &t.tcp[FinWait], fin},
		{"udp", &t.udp, udp},
	}
	for _, n := range named {
		if n.d < 0 || n.d > MaxTimeout {
			return fmt.Errorf("set %s timeout: %v is not in 0..%v", n.name, n.d, MaxTimeout)
		}
	}
	for _, n := range named {
		if n.d != 0 {
			n.at.Store(int64(n.d))
		}
	}
	return nil
}

// SetState changes the timeout of one TCP state.
func (t *Timeouts) SetState(s State, d time.Duration) error {
	if s >= numTCP {
		return fmt.Errorf("set timeout: TCP has no state %d", s)
	}
	if d <= 0 || d > MaxTimeout {
		return fmt.Errorf("set %s timeout: %v is not in 1ns..%v", tcpNames[s], d, MaxTimeout)
	}
	t.tcp[s].Store(int64(d))
	return nil
}
