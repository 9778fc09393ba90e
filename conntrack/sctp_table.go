package conntrack

// move is one rule of a state table: in each of the states from, or in all, the
// event leads to the state to. States that no rule names stay as they are.
type move struct {
	to   State
	from states
}

// states is a set of states: bit 1<<state.
type states uint16

// of returns the set of the given states.
func of(all ...State) (set states) {
	for _, s := range all {
		set |= 1 << s
	}
	return set
}

// Sets that many rules name.
const (
	anyState  states = 1<<numSCTP - 1
	beginning        = 1<<SCTPNone | 1<<SCTPInit1 | 1<<SCTPInit | 1<<SCTPCookieSent | 1<<SCTPCookieReplied
	notYet           = beginning | 1<<SCTPCookieWait | 1<<SCTPCookie | 1<<SCTPCookieEchoed
)

// sctpMoves are the rules by direction and event; a later rule of an event wins
// over an earlier one. They say what kernel net/netfilter/ipvs/ip_vs_proto_sctp.c,
// sctp_states says, recorded from Linux 6.1 for both directions of NAT. State
// none is left by the first packet, which need not be an INIT with sloppy_sctp.
var sctpMoves = [numDirections][numSCTPEvents][]move{
	Inbound: {
		evData:             {{SCTPEstablished, of(SCTPNone)}},
		evInit:             {{SCTPInit1, of(SCTPNone)}, {SCTPInit, of(SCTPInit1, SCTPRejected, SCTPClosed)}},
		evInitAck:          {{SCTPCookieWait, of(SCTPNone, SCTPInit1, SCTPInit)}, {SCTPCookie, of(SCTPCookieWait)}},
		evCookieEcho:       {{SCTPCookieReplied, of(SCTPNone, SCTPCookieSent)}, {SCTPInit, of(SCTPInit1)}},
		evCookieAck:        {{SCTPEstablished, of(SCTPNone, SCTPCookieEchoed)}},
		evShutdown:         {{SCTPShutdownReceived, of(SCTPNone, SCTPEstablished)}},
		evShutdownAck:      {{SCTPClosed, of(SCTPNone, SCTPShutdownSent, SCTPShutdownAckSent)}, {SCTPInit, of(SCTPInit1)}},
		evShutdownComplete: {{SCTPClosed, of(SCTPNone, SCTPInit1, SCTPInit, SCTPShutdownAckSent)}},
		evError:            {{SCTPClosed, of(SCTPNone, SCTPCookieEchoed)}},
		evAbort:            {{SCTPClosed, anyState}, {SCTPRejected, of(SCTPCookieWait)}},
	},
	Outbound: {
		evData:             {{SCTPEstablished, of(SCTPNone)}},
		evInit:             {{SCTPCookieWait, anyState}, {SCTPEstablished, of(SCTPEstablished)}},
		evInitAck:          {{SCTPCookieSent, of(SCTPNone, SCTPInit1, SCTPInit)}},
		evCookieEcho:       {{SCTPCookieEchoed, notYet}},
		evCookieAck:        {{SCTPEstablished, notYet}},
		evShutdown:         {{SCTPShutdownSent, notYet | 1<<SCTPEstablished}},
		evShutdownAck:      {{SCTPShutdownAckSent, beginning | 1<<SCTPShutdownSent | 1<<SCTPShutdownReceived}},
		evShutdownComplete: {{SCTPClosed, of(SCTPNone)}},
		evError:            {{SCTPClosed, beginning}},
		evAbort:            {{SCTPClosed, anyState}, {SCTPRejected, of(SCTPInit1)}},
	},
	InboundOnly: {
		evData:             {{SCTPEstablished, of(SCTPNone, SCTPCookieWait)}},
		evInit:             {{SCTPInit, beginning | 1<<SCTPCookieWait | 1<<SCTPRejected | 1<<SCTPClosed}, {SCTPInit1, of(SCTPNone)}},
		evInitAck:          {{SCTPCookieEchoed, beginning | 1<<SCTPCookieWait}},
		evCookieEcho:       {{SCTPEstablished, beginning | 1<<SCTPCookieWait}},
		evCookieAck:        {{SCTPEstablished, of(SCTPNone, SCTPCookieSent, SCTPCookieReplied, SCTPCookie, SCTPCookieEchoed)}},
		evShutdown:         {{SCTPShutdownReceived, of(SCTPNone, SCTPEstablished)}},
		evShutdownAck:      {{SCTPClosed, of(SCTPNone, SCTPEstablished, SCTPShutdownSent, SCTPShutdownAckSent)}, {SCTPInit, of(SCTPInit1)}},
		evShutdownComplete: {{SCTPClosed, beginning | 1<<SCTPShutdownReceived | 1<<SCTPShutdownAckSent}},
		evError:            {{SCTPClosed, of(SCTPNone)}},
		evAbort:            {{SCTPClosed, anyState}, {SCTPRejected, of(SCTPCookieWait)}},
	},
}

// sctpStates is sctpMoves spread out, one load for each packet.
var sctpStates = func() (t [numDirections][numSCTPEvents][numSCTP]State) {
	for d := range t {
		for e := range t[d] {
			t[d][e] = spread(sctpMoves[d][e])
		}
	}
	return t
}()

// spread applies the rules of one event to every state.
func spread(moves []move) (row [numSCTP]State) {
	for s := range row {
		row[s] = State(s)
		for _, m := range moves {
			if m.from>>s&1 != 0 {
				row[s] = m.to
			}
		}
	}
	return row
}
