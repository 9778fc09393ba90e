package conntrack

// Direction selects the column set of the TCP state table.
type Direction uint8

// Directions of a packet.
const (
	Inbound     Direction = iota // client to VIP
	Outbound                     // the reply
	InboundOnly                  // client to VIP where replies do not pass
	numDirections
)

// TCPNext returns the state after a TCP packet with these flags (the low 8 of
// the header). secure selects the tables of secure_tcp.
//
// The tables are those of kernel net/netfilter/ipvs/ip_vs_proto_tcp.c,
// tcp_states and tcp_states_dos, as recorded from Linux 6.1. The first of RST,
// SYN, FIN, ACK that is set decides; a packet with none of them closes.
func TCPNext(d Direction, s State, flags uint8, secure bool) State {
	e := tcpEvent[flags&0x1f]
	if e == noEvent || s >= numTCP || d >= numDirections {
		return Close
	}
	if secure {
		return tcpSecure[d][e][s]
	}
	return tcpStates[d][e][s]
}

// event is the row of a state table that a packet selects.
type event uint8

const (
	evSYN event = iota
	evFIN
	evACK
	evRST
	numEvents
	noEvent = numEvents
)

// tcpEvent is indexed by the low five flag bits: FIN 1, SYN 2, RST 4, PSH 8,
// ACK 16.
var tcpEvent = func() (t [32]event) {
	for f := range t {
		switch {
		case f&4 != 0:
			t[f] = evRST
		case f&2 != 0:
			t[f] = evSYN
		case f&1 != 0:
			t[f] = evFIN
		case f&16 != 0:
			t[f] = evACK
		default:
			t[f] = noEvent
		}
	}
	return t
}()

// Short names, so that the tables line up with the kernel's.
const (
	sES = Established
	sSS = SynSent
	sSR = SynRecv
	sFW = FinWait
	sTW = TimeWait
	sCL = Close
	sCW = CloseWait
	sLA = LastAck
	sLI = Listen
	sSA = SynAck
)

// transitions is one state table: by direction, event and present state.
type transitions [numDirections][numEvents][numTCP]State

var tcpStates = transitions{
	Inbound: {
		//       NO   ES   SS   SR   FW   TW   CL   CW   LA   LI   SA
		evSYN: {sSR, sES, sES, sSR, sSR, sSR, sSR, sSR, sSR, sSR, sSR},
		evFIN: {sCL, sCW, sSS, sTW, sTW, sTW, sCL, sCW, sLA, sLI, sTW},
		evACK: {sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sCL, sLI, sES},
		evRST: {sCL, sCL, sCL, sSR, sCL, sCL, sCL, sCL, sLA, sLI, sSR},
	},
	Outbound: {
		//       NO   ES   SS   SR   FW   TW   CL   CW   LA   LI   SA
		evSYN: {sSS, sES, sSS, sSR, sSS, sSS, sSS, sSS, sSS, sLI, sSR},
		evFIN: {sTW, sFW, sSS, sTW, sFW, sTW, sCL, sTW, sLA, sLI, sTW},
		evACK: {sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sLA, sES, sES},
		evRST: {sCL, sCL, sSS, sCL, sCL, sTW, sCL, sCL, sCL, sCL, sCL},
	},
	InboundOnly: {
		//       NO   ES   SS   SR   FW   TW   CL   CW   LA   LI   SA
		evSYN: {sSR, sES, sES, sSR, sSR, sSR, sSR, sSR, sSR, sSR, sSR},
		evFIN: {sCL, sFW, sSS, sTW, sFW, sTW, sCL, sCW, sLA, sLI, sTW},
		evACK: {sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sCL, sLI, sES},
		evRST: {sCL, sCL, sCL, sSR, sCL, sCL, sCL, sCL, sLA, sLI, sCL},
	},
}

var tcpSecure = transitions{
	Inbound: {
		//       NO   ES   SS   SR   FW   TW   CL   CW   LA   LI   SA
		evSYN: {sSR, sES, sES, sSR, sSR, sSR, sSR, sSR, sSR, sSR, sSA},
		evFIN: {sCL, sCW, sSS, sTW, sTW, sTW, sCL, sCW, sLA, sLI, sSA},
		evACK: {sES, sES, sSS, sSR, sFW, sTW, sCL, sCW, sCL, sLI, sSA},
		evRST: {sCL, sCL, sCL, sSR, sCL, sCL, sCL, sCL, sLA, sLI, sCL},
	},
	Outbound: {
		//       NO   ES   SS   SR   FW   TW   CL   CW   LA   LI   SA
		evSYN: {sSS, sES, sSS, sSA, sSS, sSS, sSS, sSS, sSS, sLI, sSA},
		evFIN: {sTW, sFW, sSS, sTW, sFW, sTW, sCL, sTW, sLA, sLI, sTW},
		evACK: {sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sLA, sES, sES},
		evRST: {sCL, sCL, sSS, sCL, sCL, sTW, sCL, sCL, sCL, sCL, sCL},
	},
	InboundOnly: {
		//       NO   ES   SS   SR   FW   TW   CL   CW   LA   LI   SA
		evSYN: {sSA, sES, sES, sSR, sSA, sSA, sSA, sSA, sSA, sSA, sSA},
		evFIN: {sCL, sFW, sSS, sTW, sFW, sTW, sCL, sCW, sLA, sLI, sTW},
		evACK: {sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sCL, sLI, sES},
		evRST: {sCL, sCL, sCL, sSR, sCL, sCL, sCL, sCL, sLA, sLI, sCL},
	},
}
