// Package api holds the types that the daemon and its clients exchange, and
// the codes of the errors. It is data only: package control carries it over
// the socket, package ipvsadm turns it into text. All types are plain values,
// safe to copy and to share once built.
package api

import (
	"net/netip"
	"time"

	"ulvs/service"
)

// Version is the schema version, the /v1 of every route. A field may be added
// under the same version; nothing is renamed or removed under it.
const Version = 1

// DefaultSize is the Size of a State before any daemon runs, ip_vs's own.
const DefaultSize = 4096

// State is one consistent look at the configuration and its counters.
type State struct {
	Version int `json:"version"` // Version of this schema
	// Size is what ipvsadm prints as (size=N): in ip_vs the buckets of the
	// connection table.
	Size     int            `json:"size"`
	Services []ServiceState `json:"services"` // in order of adding
	Stats    Stats          `json:"stats"`    // of all services since the start or Zero
	Rates    Rates          `json:"rates"`
}

// ServiceState is one virtual service with its counters and real servers.
type ServiceState struct {
	service.VirtualService
	Stats   Stats         `json:"stats"`
	Rates   Rates         `json:"rates"`
	Servers []ServerState `json:"servers"` // kernel order: newest first
}

// ServerState is one real server with its counts.
type ServerState struct {
	service.RealServer
	Active     uint32 `json:"active"`     // connections in an active state
	Inactive   uint32 `json:"inactive"`   // connections in any other state
	Persistent uint32 `json:"persistent"` // persistence templates
	Stats      Stats  `json:"stats"`
	Rates      Rates  `json:"rates"`
}

// Stats are totals. Bytes count IP packets without their link header, as
// ip_vs does.
type Stats struct {
	Conns      uint64 `json:"conns"`
	InPackets  uint64 `json:"inPackets"`
	OutPackets uint64 `json:"outPackets"`
	InBytes    uint64 `json:"inBytes"`
	OutBytes   uint64 `json:"outBytes"`
}

// Rates are smoothed values per second.
type Rates struct {
	Conns      uint64 `json:"conns"`
	InPackets  uint64 `json:"inPackets"`
	OutPackets uint64 `json:"outPackets"`
	InBytes    uint64 `json:"inBytes"`
	OutBytes   uint64 `json:"outBytes"`
}

// Connection is one entry of the connection table.
type Connection struct {
	// Protocol is 0 for the template of a firewall-mark service; Virtual then
	// holds the mark as its address.
	Protocol service.Protocol `json:"protocol,omitempty"`
	Client   netip.AddrPort   `json:"client"`
	Virtual  netip.AddrPort   `json:"virtual"`
	Real     netip.AddrPort   `json:"real"`
	State    string           `json:"state"`   // "ESTABLISHED", ...
	Expires  time.Duration    `json:"expires"` // left until the entry goes, in ns
	Method   service.Method   `json:"method"`
	Template bool             `json:"template,omitempty"` // a persistence entry
	Packets  uint64           `json:"packets,omitempty"`
	PE       string           `json:"pe,omitempty"`     // persistence engine of a template
	PEData   string           `json:"peData,omitempty"` // what the engine keyed it by
}

// Timeouts are the three connection timeouts that ipvsadm --set changes, in
// ns. In a request a zero leaves the value as it is.
type Timeouts struct {
	TCP    time.Duration `json:"tcp"`    // ESTABLISHED
	TCPFin time.Duration `json:"tcpFin"` // FIN_WAIT
	UDP    time.Duration `json:"udp"`
}

// Info describes the daemon itself.
type Info struct {
	Version    int           `json:"version"` // Version of this schema
	Build      string        `json:"build"`   // ulvs version as built
	PID        int           `json:"pid"`
	Uptime     time.Duration `json:"uptime"` // ns
	Socket     string        `json:"socket"`
	Interfaces []string      `json:"interfaces"`
	// Sending says by interface by what its ordinary frames leave.
	Sending     map[string]Sending `json:"sending,omitempty"`
	Workers     int                `json:"workers"`
	Capacity    int                `json:"capacity"`    // connections the table can hold
	Connections int                `json:"connections"` // held now
	MemoryBytes uint64             `json:"memoryBytes"` // of the connection table
	Traces      int                `json:"traces"`      // and captures, under way
	// Warnings name what the daemon has to do without and the consequence,
	// one sentence each ("no nftables: ...").
	Warnings []string `json:"warnings,omitempty"`
}

// Sending is by what an interface's ordinary frames leave: no super-frames, no
// longer than the MTU and 2,048 bytes, with a finished checksum or at most 256.
type Sending struct {
	// By is "AF_XDP", "packet socket" or, where the interface has fewer transmit
	// queues than there are workers, "AF_XDP for N of M workers".
	By      string `json:"by"`
	Because string `json:"because,omitempty"` // why not by AF_XDP
}

// Reasons counts packets by the name of what became of them, over all workers.
type Reasons map[string]uint64

// DefaultTimeouts are those in force before anybody sets them (kernel
// ip_vs_proto_tcp.c tcp_timeouts, ip_vs_proto_udp.c udp_timeouts).
var DefaultTimeouts = Timeouts{TCP: 15 * time.Minute, TCPFin: 2 * time.Minute, UDP: 5 * time.Minute}

// Marks are the rules that give packets firewall marks, the first match first.
type Marks struct {
	Rules []service.MarkRule `json:"rules"`
}

// SetMarks replaces all rules; with Was only if they are still those, else the
// error's code is Conflict.
type SetMarks struct {
	Rules []service.MarkRule  `json:"rules"`
	Was   *[]service.MarkRule `json:"was,omitempty"`
}

// Batch is a list of changes to be made one after the other.
type Batch struct {
	Changes []service.Change `json:"changes"`
}

// MaxBatch is how many changes a Batch can have. Packet filter and guard are made
// anew after each: 11,000 rules in batches of 512, 2,048 and 8,192 took a daemon
// 1,170, 731 and 823 ms from its start (`ulvs bench start-up`, medians of seven).
const MaxBatch = 2048

// BatchResult has an entry for each change of a Batch, null for success.
type BatchResult struct {
	Errors []*Error `json:"errors"`
}

// ZeroRequest resets counters: of one service, or all if Key is nil.
type ZeroRequest struct {
	Key *service.Key `json:"key,omitempty"`
}
