package conformance

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"ulvs/wire"
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
	// instead turns the recorded bytes into what ulvs sends, given that. nil:
	// the steps are few and the reason says what ulvs does.
	instead func(want, got []byte)
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
		group: "d", scenarios: "nat*", what: "zero checksum", name: "UDP without checksum",
		reason:  "ip_vs fills in a checksum that the sender left out (RFC 768 allows that); ulvs leaves it out: it would vouch for bytes that nobody has checked",
		instead: func(want, got []byte) { copy(want[26:28], got[26:28]) },
	},
	{
		group: "d", scenarios: "*", what: "record-route", name: "record route",
		reason:  "ulvs does not write its address into the option",
		instead: routeNotRecorded,
	},
	{
		group: "d", scenarios: "icmp-tun", what: "frag needed mtu 1300", name: "tunnel's MTU told at once",
		reason:  "ip_vs tells the client the MTU that it knew before, 1480; ulvs the one it has just learned, 1280",
		instead: func(want, _ []byte) { setMTU(want, 1280) },
	},
	{
		group: "d", scenarios: "icmp-nat*", what: "from the real server: parameter problem", name: "parameter problem",
		reason:  "ip_vs lets it pass with the real server's address, which the client cannot know; ulvs translates it like every ICMP error (RFC 5508 section 4)",
		instead: sourceTranslated,
	},
}

// notYet are recordings about what ulvs does not have yet. A whole scenario
// without what or steps counts as a whole.
var notYet = []exception{
	{group: "d", scenarios: "tun-gre", reason: "GRE tunnels"},
	{group: "d", scenarios: "tun-gue*", reason: "GUE tunnels"},
	{group: "d", scenarios: "v6-tun-gre", reason: "GRE tunnels"},
	{group: "d", scenarios: "v6-tun-gue", reason: "GUE tunnels"},
	{group: "d", scenarios: "v6-*", reason: "IPv6 byte by byte"},
	{group: "d", scenarios: "icmp6-*", reason: "IPv6 byte by byte"},
	{group: "d", scenarios: "v4-tun-over-v6", reason: "IPv6 byte by byte"},
	{group: "d", scenarios: "*", what: "fragment", reason: "IP fragments to a virtual service"},
	{group: "d", scenarios: "nat", what: "UDP answer of 1500 bytes, DF", reason: "IP fragments to a virtual service: they began its connection"},
}

// matches reports whether the exception covers a difference.
func (e *exception) matches(d *Difference) bool {
	if !e.names(d.Group, d.Scenario) || e.steps != nil && !slices.Contains(e.steps, d.Step) {
		return false
	}
	if !strings.Contains(d.Event, e.what) || !e.whole() && !e.everything && d.Aspect != packets {
		return false
	}
	if e.instead == nil {
		return true
	}
	if len(d.want) < leastNoted {
		return false
	}
	want := bytes.Clone(d.want)
	e.instead(want, d.got)
	return bytes.Equal(want, d.got)
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

// leastNoted is how many bytes must have been noted of any packet that one of
// the functions below looks at: an IP header and the transport's first 8.
const leastNoted = wire.IPv4Len + wire.UDPLen

func routeNotRecorded(want, got []byte) {
	at := wire.IPv4Len
	if wire.IPv4(want).Protocol() == wire.ProtoIPIP {
		at += wire.IPv4Len
	}
	if len(want) < at+8 {
		return
	}
	copy(want[at:at+8], got[at:at+8])
	wire.IPv4(want[at-wire.IPv4Len:]).FillChecksum()
}

func setMTU(want []byte, mtu uint16) {
	h := wire.ICMPv4(want[wire.IPv4Len:])
	h.SetRest(0, mtu)
	h.FillChecksum()
}

// sourceTranslated puts the virtual address where the recorded ICMP error has
// the real server's: outside and as the quoted destination.
func sourceTranslated(want, got []byte) {
	const quote = wire.IPv4Len + wire.ICMPLen
	if len(want) < quote+wire.IPv4Len {
		return
	}
	copy(want[12:16], got[12:16])
	copy(want[quote+16:quote+20], got[12:16])
	wire.IPv4(want).FillChecksum()
	wire.IPv4(want[quote:]).FillChecksum()
}
