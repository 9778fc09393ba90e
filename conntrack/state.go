package conntrack

import "ulvs/wire"

// State is a connection's state within its protocol. The TCP numbers are the
// kernel's (include/net/ip_vs.h, IP_VS_TCP_S_*), which travel in sync messages.
type State uint8

// TCP states.
const (
	None State = iota
	Established
	SynSent
	SynRecv
	FinWait
	TimeWait
	Close
	CloseWait
	LastAck
	Listen
	SynAck
	numTCP
)

// UDPNormal is the only state of UDP.
const UDPNormal State = 0

var tcpNames = [numTCP]string{
	None: "NONE", Established: "ESTABLISHED", SynSent: "SYN_SENT", SynRecv: "SYN_RECV",
	FinWait: "FIN_WAIT", TimeWait: "TIME_WAIT", Close: "CLOSE", CloseWait: "CLOSE_WAIT",
	LastAck: "LAST_ACK", Listen: "LISTEN", SynAck: "SYNACK",
}

// StateName returns the name that ipvsadm -Lc shows for a connection of proto.
func StateName(proto uint8, s State) string {
	switch {
	case proto == wire.ProtoTCP && s < numTCP:
		return tcpNames[s]
	case proto == wire.ProtoSCTP && s < numSCTP:
		return sctpNames[s]
	case proto == wire.ProtoUDP:
		return "UDP"
	case proto == wire.ProtoICMP || proto == wire.ProtoICMPv6:
		return "ICMP"
	}
	return "NONE"
}

// Name returns the name of the connection's state as ipvsadm -Lc shows it; a
// template is NONE until assured.
func (i *Info) Name() string {
	switch {
	case i.Flags&Template == 0:
		return StateName(i.Proto, i.State)
	case i.Assured:
		return "ASSURED"
	}
	return "NONE"
}

// activeTCP is a set of states: bit 1<<state.
const activeTCP = 1<<Established | 1<<SynSent | 1<<SynRecv | 1<<SynAck

// Active reports whether a connection in this state counts as active at its
// real server; otherwise it counts as inactive. UDP is always inactive (kernel
// ip_vs_proto_tcp.c, tcp_state_active_table; ip_vs_proto_sctp.c,
// set_sctp_state).
func Active(proto uint8, s State) bool {
	return proto == wire.ProtoTCP && activeTCP>>s&1 != 0 || proto == wire.ProtoSCTP && s == SCTPEstablished
}

// established reports whether this is the state of a connection whose
// handshake is complete.
func established(proto uint8, s State) bool {
	return proto == wire.ProtoTCP && s == Established || proto == wire.ProtoSCTP && s == SCTPEstablished
}

// class says how soon an entry may be evicted when the table is full, the
// lowest first.
type class uint8

const (
	halfOpen class = iota // TCP or SCTP before the handshake is complete
	closing               // TCP or SCTP that one side has ended
	unproven              // UDP that had one packet; template not assured
	numClass
	kept = numClass // never evicted
)

var tcpClass = [16]class{
	None: halfOpen, SynSent: halfOpen, SynRecv: halfOpen, SynAck: halfOpen, Listen: halfOpen,
	Established: kept,
	FinWait:     closing, TimeWait: closing, Close: closing, CloseWait: closing, LastAck: closing,
	11: kept, 12: kept, 13: kept, 14: kept, 15: kept,
}

// firstClass returns the class of a new entry.
func firstClass(proto uint8, f Flags, s State) class {
	switch {
	case f&Template != 0 || proto == wire.ProtoUDP:
		return unproven
	}
	return stateClass(proto, s)
}

// stateClass returns the class of a connection whose protocol has states.
func stateClass(proto uint8, s State) class {
	switch proto {
	case wire.ProtoTCP:
		return tcpClass[s&15]
	case wire.ProtoSCTP:
		return sctpClass[s&15]
	}
	return kept
}
