package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// Severity says how bad a finding is.
type Severity uint8

// The severities, the best first.
const (
	OK      Severity = iota // looked at and good
	Info                    // worth knowing; nothing to do
	Warning                 // works now, or may not for everybody
	Error                   // does not work
)

var severityNames = [...]string{OK: "ok", Info: "info", Warning: "warning", Error: "error"}

// String returns the name, as in JSON.
func (s Severity) String() string { return severityNames[s] }

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name.
func (s *Severity) UnmarshalText(b []byte) error {
	i := slices.Index(severityNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("severity %q is not one of %s", b, strings.Join(severityNames[:], ", "))
	}
	*s = Severity(i)
	return nil
}

// ID names a kind of finding. Scripts and lessons rely on it: it never changes
// its meaning.
type ID string

// The kinds of findings; Definitions says what each means.
const (
	DaemonRunning    ID = "daemon"
	DaemonNotRunning ID = "daemon-not-running"
	DaemonWarning    ID = "daemon-warning"

	Capabilities       ID = "capabilities"
	CapNetRawMissing   ID = "cap-net-raw-missing"
	CapNetAdminMissing ID = "cap-net-admin-missing"
	ProbesNotSent      ID = "probes-not-sent"

	InterfaceUsed     ID = "interface"
	InterfaceDown     ID = "interface-down"
	InterfaceNone     ID = "interface-none"
	RouteOutside      ID = "route-outside-ulvs"
	OffloadMerges     ID = "offload-merges-packets"
	OffloadSCTP       ID = "offload-sctp-senders"
	IPForward         ID = "ip-forward"
	IPForwardUnsafe   ID = "ip-forward-unguarded"
	RPFilterStrict    ID = "rp-filter-strict"
	GuardPresent      ID = "guard"
	GuardMissing      ID = "guard-missing"
	GuardLeftOver     ID = "guard-left-over"
	GuardUnreadable   ID = "guard-not-checked"
	KernelIPVS        ID = "kernel-ipvs"
	PortInUse         ID = "vip-port-in-use"
	ServicesNone      ID = "no-services"
	ServiceNoServers  ID = "service-without-servers"
	ServiceNoWeight   ID = "service-weights-all-zero"
	TableUse          ID = "table"
	TableNearlyFull   ID = "table-nearly-full"
	TableFull         ID = "table-full"
	PacketsLost       ID = "packets-lost"
	ToldTooBig        ID = "clients-told-too-big"
	VIPOnHost         ID = "vip-on-host"
	VIPByUlvs         ID = "vip-answered-by-ulvs"
	VIPRouted         ID = "vip-not-on-link"
	VIPOutside        ID = "vip-outside-ulvs"
	VIPSilent         ID = "vip-arp-ignored-by-director"
	VIPARP            ID = "arp-vip"
	VIPByServer       ID = "arp-vip-answered-by-server"
	VIPByOther        ID = "arp-vip-answered-by-other"
	ServerReached     ID = "server-link"
	ServerNoRoute     ID = "server-no-route"
	ServerUnreachable ID = "server-not-on-link"
	ServerDuplicate   ID = "server-address-duplicate"
	ServerLocal       ID = "server-is-director"
	ServerBehind      ID = "dr-server-behind-router"
	ServerNotChecked  ID = "server-not-checked"
	ServerAnswers     ID = "server-answers"
	ServerRefuses     ID = "server-refuses"
	ServerForwards    ID = "vip-not-on-server"
	DRSilent          ID = "dr-server-silent"
	TunSilent         ID = "tun-server-silent"
	NATSilent         ID = "nat-server-silent"
	NATReturn         ID = "nat-return"
	NATReturnMissing  ID = "nat-return-bypasses-director"
	NATReturnUnknown  ID = "nat-return-not-checked"
	NATNoReplies      ID = "nat-no-replies-counted"
	TunMTU            ID = "tun-mtu"
	TunMTUReduced     ID = "tun-mtu-below-clients"
	TunMTUSmall       ID = "tun-path-mtu-small"
	TunMTUBlackHole   ID = "tun-mtu-black-hole"
)

// Definition says what a kind of finding means.
type Definition struct {
	ID       ID       `json:"id"`
	Severity Severity `json:"severity"`
	Probe    bool     `json:"probe,omitempty"` // is found by sending something
	Meaning  string   `json:"meaning"`         // one line
}

// definitions are in the order in which a report shows them.
var definitions = []Definition{
	{DaemonRunning, OK, false, "a daemon runs in this network namespace"},
	{DaemonNotRunning, Error, false, "no daemon answers: nothing is balanced"},
	{DaemonWarning, Warning, false, "the daemon itself says what it has to do without"},

	{Capabilities, OK, false, "the daemon has CAP_NET_RAW and CAP_NET_ADMIN"},
	{CapNetRawMissing, Error, false, "without CAP_NET_RAW no packet is received or sent; an interface that comes back cannot be opened"},
	{CapNetAdminMissing, Warning, false, "without CAP_NET_ADMIN there is no guard: the host's own stack answers clients too"},
	{ProbesNotSent, Info, false, "nothing was sent, by wish or for want of CAP_NET_RAW: neighbours and servers were not looked at"},

	{InterfaceUsed, OK, false, "the daemon works on this interface and its link is up"},
	{InterfaceDown, Error, false, "an interface that the daemon works on, or that leads to a server, is down or has no carrier"},
	{InterfaceNone, Error, false, "the daemon works on no interface"},
	{RouteOutside, Error, false, "a real server is reached by an interface that the daemon does not work on"},
	{OffloadMerges, Error, false, "the interface merges packets in hardware (LRO) in a way that cannot be undone: the kernel does not give them to packet sockets"},
	{OffloadSCTP, Info, false, "SCTP on a virtual interface: senders of this machine must not leave segmentation to it, or packet sockets do not get their packets"},
	{IPForward, OK, false, "ip_forward does no harm: it is off, or the guard keeps the host from forwarding a second time"},
	{IPForwardUnsafe, Error, false, "ip_forward is on and there is no guard: the host forwards or answers what ulvs has taken over"},
	{RPFilterStrict, Info, false, "rp_filter is on here: no effect on ulvs, which sees frames before it; the host's own stack drops packets by other ways"},

	{GuardPresent, OK, false, "the guard's nftables table is there"},
	{GuardMissing, Warning, false, "a daemon runs without the guard's nftables table: the host answers for virtual addresses that it has"},
	{GuardLeftOver, Error, false, "the guard's table of a daemon that was killed is still there: the host does not get packets to the former virtual services"},
	{GuardUnreadable, Info, false, "nftables could not be read (CAP_NET_ADMIN)"},
	{KernelIPVS, Error, false, "the kernel's own ip_vs has services in this network namespace too"},
	{PortInUse, Warning, false, "another program listens at a virtual service's address and port; clients will not reach it"},

	{ServicesNone, Warning, false, "there is no virtual service"},
	{ServiceNoServers, Error, false, "a virtual service has no real server"},
	{ServiceNoWeight, Error, false, "every real server of a service has weight 0: new connections are refused"},

	{TableUse, OK, false, "the connection table has room"},
	{TableNearlyFull, Warning, false, "the connection table is more than 75 % full"},
	{TableFull, Error, false, "the connection table is full (90 %), or has been: half-open connections are thrown out for new ones, or new ones refused"},
	{PacketsLost, Warning, false, "packets were lost before or behind the director; the names are those of ulvs reasons"},
	{ToldTooBig, Info, false, "clients' packets did not fit the way to the server and were answered by ICMP; clients that do not get it hang"},

	{VIPOnHost, OK, false, "the virtual address is on the host: its own stack answers ARP for it"},
	{VIPByUlvs, OK, false, "the virtual address is not on the host: ulvs answers ARP and neighbour solicitations for it"},
	{VIPRouted, Info, false, "the virtual address is in no network of the interfaces: routers must send it here"},
	{VIPOutside, Error, false, "the virtual address is on an interface that the daemon does not work on: it does not see its packets"},
	{VIPSilent, Error, false, "the virtual address is on the host's lo, and arp_ignore keeps the host from answering for it: nobody does"},
	{VIPARP, OK, true, "nobody else on the link answers for the virtual address"},
	{VIPByServer, Error, true, "a real server answers ARP (IPv6: a neighbour solicitation) for the virtual address: it takes clients away from the director"},
	{VIPByOther, Error, true, "another machine answers for the virtual address: two have it"},

	{ServerReached, OK, true, "the server, or the router before it, answers ARP or a neighbour solicitation"},
	{ServerNoRoute, Error, false, "the host has no route to the server"},
	{ServerUnreachable, Error, true, "the server, or the router before it, does not answer ARP or neighbour solicitations"},
	{ServerDuplicate, Error, true, "two machines answer for a server's address"},
	{ServerLocal, Error, false, "the server's address is the director's own: ulvs does not serve local real servers"},
	{ServerBehind, Error, false, "a server by DR is behind a router: DR changes the MAC only and needs one link"},
	{ServerNotChecked, Info, false, "whether the server answers could not be asked; the reason is said"},
	{ServerAnswers, OK, true, "a SYN by the server's own method (DR, NAT, TUN) was answered by a SYN-ACK"},
	{ServerRefuses, Error, true, "the server has the address but nothing listens at the port (RST)"},
	{ServerForwards, Error, true, "the server sends a packet for the virtual address on: it does not have the address"},
	{DRSilent, Error, true, "no answer to a SYN by DR: mostly the virtual address is not on the server"},
	{TunSilent, Error, true, "no answer to a SYN through the tunnel: no tunnel device, the virtual address is not on it, or rp_filter"},
	{NATSilent, Error, true, "no answer to a SYN to the server's own address and port"},
	{NATReturn, OK, true, "a reply to an address beyond the director comes back through the director"},
	{NATReturnMissing, Error, true, "replies to addresses beyond the director do not come back through it: the server has another gateway or none"},
	{NATReturnUnknown, Info, false, "the director has no address outside of the server's network to ask from"},
	{NATNoReplies, Warning, false, "packets went to a server by NAT and none ever came back through the director"},
	{TunMTU, OK, true, "a packet as large as the interface allows comes through the tunnel"},
	{TunMTUReduced, Info, false, "a client's full-size packet does not fit into the tunnel: clients must get ulvs's ICMP (fragmentation needed)"},
	{TunMTUSmall, Warning, true, "a router on the tunnel's way has a smaller MTU and says so"},
	{TunMTUBlackHole, Error, true, "large packets vanish on the tunnel's way and nobody says so: connections hang once they carry data"},
}

// Definitions lists every kind of finding, in the order of a report.
func Definitions() []Definition { return slices.Clone(definitions) }

// definition returns that of an id, which is one of the constants.
func definition(id ID) Definition {
	return definitions[slices.IndexFunc(definitions, func(d Definition) bool { return d.ID == id })]
}
