package conntrack

import (
	"time"

	"ulvs/wire"
)

// States of SCTP, by the kernel's numbers (include/net/ip_vs.h,
// IP_VS_SCTP_S_*). They are the real server's: COOKIE-SENT is after its
// INIT-ACK, COOKIE-REPLIED after the client's COOKIE-ECHO; COOKIE-WAIT,
// COOKIE and COOKIE-ECHOED are those of an association that the server begins.
// INIT1 is before any answer, to forget an unanswered INIT soon.
const (
	SCTPNone State = iota
	SCTPInit1
	SCTPInit
	SCTPCookieSent
	SCTPCookieReplied
	SCTPCookieWait
	SCTPCookie
	SCTPCookieEchoed
	SCTPEstablished
	SCTPShutdownSent
	SCTPShutdownReceived
	SCTPShutdownAckSent
	SCTPRejected
	SCTPClosed
	numSCTP
)

var sctpNames = [numSCTP]string{
	SCTPNone: "NONE", SCTPInit1: "INIT1", SCTPInit: "INIT", SCTPCookieSent: "C-SENT", SCTPCookieReplied: "C-REPLIED",
	SCTPCookieWait: "C-WAIT", SCTPCookie: "COOKIE", SCTPCookieEchoed: "C-ECHOED", SCTPEstablished: "ESTABLISHED",
	SCTPShutdownSent: "S-SENT", SCTPShutdownReceived: "S-RECEIVED", SCTPShutdownAckSent: "S-ACK-SENT",
	SCTPRejected: "REJECTED", SCTPClosed: "CLOSED",
}

var sctpClass = [16]class{
	SCTPNone: halfOpen, SCTPInit1: halfOpen, SCTPInit: halfOpen, SCTPCookieSent: halfOpen, SCTPCookieReplied: halfOpen,
	SCTPCookieWait: halfOpen, SCTPCookie: halfOpen, SCTPCookieEchoed: halfOpen,
	SCTPEstablished:  kept,
	SCTPShutdownSent: closing, SCTPShutdownReceived: closing, SCTPShutdownAckSent: closing,
	SCTPRejected: closing, SCTPClosed: closing,
	14: kept, 15: kept,
}

// sctpTimeout returns how long an association lives after a packet (kernel
// ip_vs_proto_sctp.c, sctp_timeouts): RTO.Max and a second, or RTO.Initial of
// RFC 2960 and a second where no answer is expected. No command changes them.
func sctpTimeout(s State) time.Duration {
	switch s {
	case SCTPNone:
		return 2 * time.Second
	case SCTPInit1, SCTPRejected:
		return 4 * time.Second
	case SCTPEstablished:
		return 15 * time.Minute
	}
	return 61 * time.Second
}

// sctpEvent is what a packet does to an association: the row of the state table.
type sctpEvent uint8

const (
	evData sctpEvent = iota
	evInit
	evInitAck
	evCookieEcho
	evCookieAck
	evShutdown
	evShutdownAck
	evShutdownComplete
	evError
	evAbort
	numSCTPEvents
)

// sctpEvents is indexed by chunk types; what is not named, and any type above,
// is data.
var sctpEvents = [wire.SCTPShutdownComplete + 1]sctpEvent{
	wire.SCTPInit: evInit, wire.SCTPInitAck: evInitAck,
	wire.SCTPAbort: evAbort, wire.SCTPError: evError,
	wire.SCTPCookieEcho: evCookieEcho, wire.SCTPCookieAck: evCookieAck,
	wire.SCTPShutdown: evShutdown, wire.SCTPShutdownAck: evShutdownAck, wire.SCTPShutdownComplete: evShutdownComplete,
}

// SCTPNext returns the state after an SCTP packet whose deciding chunk, as
// wire.SCTP.Signal returns it, is of this type.
func SCTPNext(d Direction, s State, chunk uint8) State {
	e := evData
	if int(chunk) < len(sctpEvents) {
		e = sctpEvents[chunk]
	}
	if s >= numSCTP || d >= numDirections {
		return SCTPClosed
	}
	return sctpStates[d][e][s]
}
