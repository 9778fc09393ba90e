package api

import (
	"encoding/json"
	"time"
)

// TraceRequest asks to be told the way of packets through the director.
type TraceRequest struct {
	// Filter says which, as tcpdump's filters do (package pcapfilter); empty:
	// all.
	Filter string `json:"filter,omitempty"`
	// Packets ends the trace after so many; 0: it goes on until the client
	// leaves or Duration has passed.
	Packets int `json:"packets,omitempty"`
	// Rate bounds the packets per second; 0: DefaultTraceRate.
	Rate int `json:"rate,omitempty"`
	// Duration ends the trace; 0 never.
	Duration time.Duration `json:"duration,omitempty"`
	// SnapLen is how many bytes of each frame are wanted; 0: all.
	SnapLen int `json:"snapLen,omitempty"`
}

// Limits of a TraceRequest.
const (
	DefaultTraceRate = 100
	MaxTraceRate     = 100_000
	MaxTraces        = 16 // at a time
)

// TraceLine is one line of a trace's answer: one of its fields is set. The first
// is Started, of the moment from which on packets are looked at; the last is
// Ended, unless the connection is lost.
type TraceLine struct {
	Started *TraceStarted `json:"started,omitempty"`
	Packet  *TracePacket  `json:"packet,omitempty"`
	Ended   *TraceEnded   `json:"ended,omitempty"`
}

// TraceStarted says that packets are looked at.
type TraceStarted struct {
	Version    int      `json:"version"`
	Interfaces []string `json:"interfaces"`
	Rate       int      `json:"rate"`
}

// TraceEnded says why a trace has ended, and what it did not show.
type TraceEnded struct {
	Why     string `json:"why"` // "packets", "duration", "stopped"
	Packets uint64 `json:"packets"`
	// Skipped packets matched, but came faster than the rate.
	Skipped uint64 `json:"skipped"`
	// Lost packets were traced, but the client did not take them in time.
	Lost uint64 `json:"lost"`
}

// TracePacket is one packet.
type TracePacket struct {
	// Skipped and Lost count those since the packet before, see TraceEnded.
	Skipped uint64 `json:"skipped,omitempty"`
	Lost    uint64 `json:"lost,omitempty"`
	// Record is what became of it, a Record of package explain, as of packets
	// that are explained without a daemon.
	Record json.RawMessage `json:"record"`
}
