package conformance

import (
	"path"
	"slices"
	"strings"
)

// exception is something recorded that ulvs does otherwise: on purpose, or not
// yet. Unless it says so, or a whole scenario is not there yet, it covers what
// leaves only: counts and connections must agree all the same.
type exception struct {
	group, scenarios string // patterns of package path
	steps            []int  // nil: every step
	what             string // what the step's words contain; "": any
	name             string // of a deviation
	reason           string
	everything       bool // counts and connections too
}

// deviations are deliberate. Each names its reason; there are to be few.
var deviations = []exception{
	{
		group: "a-misc", scenarios: "edit-nat-to-dr", steps: []int{18, 19, 20}, name: "edit from NAT to DR",
		reason: "a kernel bug: after the edit, new DR connections are lost, with ARP requests for the VIP, until the next edit; ulvs forwards them",
	},
	{
		group: "a-misc", scenarios: "fwm-change", steps: []int{7}, name: "edit from NAT to DR",
		reason: "the same kernel bug",
	},
	{
		group: "a-misc", scenarios: "local", steps: []int{3, 4, 5}, name: "real server on the director", everything: true,
		reason: "ip_vs hands the packet to the host's stack and sees the RST that it sends; a packet socket can do neither, ulvs drops it (dropped-local)",
	},
	{
		group: "d", scenarios: "icmp6-nat", what: "from the real server", name: "ICMPv6 with a finished checksum",
		reason: "a kernel bug: ICMPv6 errors from a NAT server are lost unless their checksum was left to the device; ulvs translates both",
	},
	{
		group: "d", scenarios: "v6-frag-tun*", what: "atomic", name: "atomic fragment in an IPv6 tunnel",
		reason: "after a packet with a fragment header and no other fragments, the kernel gives the tunnel's packet one too, against RFC 8021; ulvs gives it none",
	},
}

// notYet are recordings about what ulvs does not have yet. A whole scenario
// without what or steps counts as a whole.
var notYet []exception

// matches reports whether the exception covers a difference.
func (e *exception) matches(d *Difference) bool {
	if !e.names(d.Group, d.Scenario) || e.steps != nil && !slices.Contains(e.steps, d.Step) {
		return false
	}
	return strings.Contains(d.Event, e.what) && (e.whole() || e.everything || d.Aspect == packets)
}

func (e *exception) names(group, scenario string) bool {
	g, _ := path.Match(e.group, group)
	s, _ := path.Match(e.scenarios, scenario)
	return g && s
}

// whole reports whether the exception is about whole scenarios.
func (e *exception) whole() bool { return e.name == "" && e.what == "" && e.steps == nil }

// wholly reports whether a scenario as a whole is not there yet.
func wholly(group, scenario string) bool {
	return slices.ContainsFunc(notYet, func(e exception) bool { return e.whole() && e.names(group, scenario) })
}

// excuse finds the exception that covers a difference.
func excuse(d *Difference) {
	for i := range deviations {
		if deviations[i].matches(d) {
			d.Excuse = deviations[i].name
			return
		}
	}
	for i := range notYet {
		if notYet[i].matches(d) {
			d.Excuse, d.notYet = notYet[i].reason, true
			return
		}
	}
}
