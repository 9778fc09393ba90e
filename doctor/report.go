package doctor

import (
	"cmp"
	"context"
	"slices"
)

// Version is the schema version of a Report as JSON. A field may be added under
// the same version; nothing is renamed or removed under it.
const Version = 1

// Finding is one thing that was found, good or bad.
type Finding struct {
	ID       ID       `json:"id"`
	Severity Severity `json:"severity"`
	About    string   `json:"about,omitempty"`    // "192.0.2.11:80 of tcp 198.51.100.1:80"
	Text     string   `json:"text"`               // one line
	Evidence []string `json:"evidence,omitempty"` // what was seen, a line each
	Fix      []string `json:"fix,omitempty"`      // what to type, and where, a line each
}

// Report is what a look gives.
type Report struct {
	Version  int       `json:"version"`
	Probed   bool      `json:"probed"` // questions were sent
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Findings []Finding `json:"findings"`
}

// Run looks and judges.
func Run(ctx context.Context, o Options) (*Report, error) {
	f, err := Look(ctx, o)
	if err != nil {
		return nil, err
	}
	return f.Report(), nil
}

// Report judges the facts.
func (f *Facts) Report() *Report {
	r := &Report{Version: Version, Probed: f.Wire.NotSent == "", Findings: f.findings()}
	order := map[ID]int{}
	for i, d := range definitions {
		order[d.ID] = i
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(order[a.ID], order[b.ID]) })
	for _, x := range r.Findings {
		switch x.Severity {
		case Error:
			r.Errors++
		case Warning:
			r.Warnings++
		}
	}
	return r
}

// findings makes every check.
func (f *Facts) findings() []Finding {
	c := &checks{Facts: f}
	c.guard()
	c.kernelIPVS()
	if f.Daemon == nil {
		c.add(DaemonNotRunning, "", "%s", f.Absent).fix("ulvs run", "# or type the first ipvsadm command: it starts one in the background")
		return c.found
	}
	c.add(DaemonRunning, "", "the daemon runs: version %s, pid %d, up %s", f.Daemon.Info.Build, f.Daemon.Info.PID, f.Daemon.Info.Uptime.Round(1e9))
	c.warnings()
	c.capabilities()
	c.interfaces()
	c.sctp()
	c.forwarding()
	c.services()
	c.listeners()
	c.table()
	c.losses()
	c.vips()
	c.hops()
	c.servers()
	if f.Wire.NotSent != "" {
		c.add(ProbesNotSent, "", "neighbours and servers were not asked: %s", f.Wire.NotSent).
			fix("ulvs doctor  # as root, without --no-probe")
	}
	return c.found
}
