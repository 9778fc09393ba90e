package lab

import (
	"net/netip"
)

// ResultVersion is the version of the JSON form of Result.
const ResultVersion = 1

// Result is what a run of the lab face found.
type Result struct {
	Version   int            `json:"version"`
	Mode      string         `json:"mode"`
	Scheduler string         `json:"scheduler"`
	VIP       netip.AddrPort `json:"vip"`
	Hosts     []HostResult   `json:"hosts"`
	Commands  []Command      `json:"commands"`
	Servers   []ServerResult `json:"servers"`
	Requests  int            `json:"requests"`
	Failures  int            `json:"failures"`
	Problem   string         `json:"problem,omitempty"` // the first failure
	Seconds   float64        `json:"seconds"`
	OK        bool           `json:"ok"` // every answer came, as the scheduler promises
}

// HostResult is a host of the topology.
type HostResult struct {
	Name       string      `json:"name"`
	PID        int         `json:"pid"`
	Gateway    string      `json:"gateway,omitempty"`
	Interfaces []Interface `json:"interfaces"`
}

// Command is a command as it was typed on a host, and its output.
type Command struct {
	Host   string `json:"host"`
	Line   string `json:"line"`
	Output string `json:"output,omitempty"`
}

// ServerResult is what one real server got.
type ServerResult struct {
	Name     string         `json:"name"`
	Addr     netip.AddrPort `json:"addr"`
	Weight   int            `json:"weight"`
	Promised int            `json:"promised"`
	Answered int            `json:"answered"`
}

// serverResults are the real servers before there was any request.
func serverResults(l *Lab, o Options) []ServerResult {
	var rs []ServerResult
	for i, h := range l.Servers {
		addr := netip.AddrPortFrom(h.Addr(), httpPort)
		rs = append(rs, ServerResult{Name: h.Name, Addr: addr, Weight: o.Weights[i]})
	}
	return rs
}

// hostResults describes the hosts but for the switch.
func hostResults(l *Lab) []HostResult {
	var rs []HostResult
	for _, h := range l.hosts {
		if h != l.Switch {
			rs = append(rs, HostResult{Name: h.Name, PID: h.PID, Gateway: h.Gateway, Interfaces: h.Interfaces})
		}
	}
	return rs
}

// judge fills in what came of the requests.
func (r *Result) judge(t Tally) {
	r.Failures, r.Problem, r.Seconds = t.Failures, t.Problem, t.Seconds
	r.OK = t.Failures == 0
	for i := range r.Servers {
		s := &r.Servers[i]
		s.Answered = t.Answers[s.Name]
		r.OK = r.OK && s.Answered == s.Promised
	}
}

// answered is the number of requests that were answered.
func (r *Result) answered() int { return r.Requests - r.Failures }
