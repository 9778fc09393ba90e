package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"ulvs/control/api"
	"ulvs/service"
)

// checks turn facts into findings.
type checks struct {
	*Facts
	found []Finding
}

// draft is a finding to which evidence and fixes are added.
type draft struct {
	c *checks
	i int
}

// add makes a finding.
func (c *checks) add(id ID, about, format string, args ...any) draft {
	c.found = append(c.found, Finding{ID: id, Severity: definition(id).Severity, About: about, Text: fmt.Sprintf(format, args...)})
	return draft{c, len(c.found) - 1}
}

// seen adds a line of evidence.
func (d draft) seen(format string, args ...any) draft {
	f := &d.c.found[d.i]
	f.Evidence = append(f.Evidence, fmt.Sprintf(format, args...))
	return d
}

// fix adds lines to type.
func (d draft) fix(lines ...string) draft {
	f := &d.c.found[d.i]
	f.Fix = append(f.Fix, lines...)
	return d
}

// warnings repeats what the daemon says of itself.
func (c *checks) warnings() {
	for _, text := range c.Daemon.Info.Warnings {
		c.add(DaemonWarning, "", "%s", text).seen("ulvs status")
	}
}

// Capabilities by their bits (kernel include/uapi/linux/capability.h).
const (
	capNetAdmin = 12
	capNetRaw   = 13
)

// capabilities looks at the daemon's.
func (c *checks) capabilities() {
	if c.Daemon.Caps == nil {
		return
	}
	caps, pid := *c.Daemon.Caps, c.Daemon.Info.PID
	good := true
	for _, need := range []struct {
		id  ID
		bit int
	}{{CapNetRawMissing, capNetRaw}, {CapNetAdminMissing, capNetAdmin}} {
		if caps&(1<<need.bit) == 0 {
			good = false
			name := strings.TrimSuffix(string(need.id), "-missing")
			c.add(need.id, "", "the daemon does not have %s", strings.ToUpper(strings.ReplaceAll(name, "-", "_"))).
				seen("/proc/%d/status: CapEff %016x", pid, caps).
				fix("# start it as root, or in its systemd unit: AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN")
		}
	}
	if good {
		c.add(Capabilities, "", "the daemon has CAP_NET_RAW and CAP_NET_ADMIN")
	}
}

// mergers are the features that merge packets so that they cannot be cut again
// as they were: the kernel does not describe them by a virtio-net header, and a
// packet socket that asks for one does not get them (kernel
// include/linux/virtio_net.h, virtio_net_hdr_from_skb: gso_size without a known
// gso_type).
var mergers = map[string]string{"rx-lro": "lro"}

// interfaces looks at those that the daemon works on.
func (c *checks) interfaces() {
	if len(c.Daemon.Info.Interfaces) == 0 {
		c.add(InterfaceNone, "", "the daemon works on no interface").
			seen("ulvs status").fix("ip -br link  # is there one, and is it up?", "ulvs run --interface NAME")
	}
	for _, name := range c.Daemon.Info.Interfaces {
		l, ok := c.Host.link(name)
		if !ok || !l.Up {
			c.add(InterfaceDown, name, "%s is down or has no carrier", name).
				seen("ip link show %s", name).fix("ip link set "+name+" up", "# if that is not it: cable, switch port, or the other end")
			continue
		}
		c.add(InterfaceUsed, name, "%s is up, MTU %d, MAC %s", name, l.MTU, l.MAC)
		for _, feature := range c.Host.Features[name] {
			if option, ok := mergers[feature]; ok {
				c.add(OffloadMerges, name, "%s merges packets in hardware (%s)", name, feature).
					seen("ethtool -k %s: %s: on", name, feature).fix("ethtool -K " + name + " " + option + " off")
			}
		}
	}
}

// sctp looks for senders of the same machine, whose packets come by a virtual
// interface as they left: their super-frames of SCTP have no virtio-net header
// either (see mergers).
func (c *checks) sctp() {
	if !slices.ContainsFunc(c.Daemon.State.Services, func(s api.ServiceState) bool { return s.Protocol == service.SCTP }) {
		return
	}
	for _, l := range c.links() {
		if l.Kind == "veth" {
			c.add(OffloadSCTP, l.Name, "%s is a veth: senders of this machine must have tx-sctp-segmentation off", l.Name).
				seen("ip -d link show %s: veth; ipvsadm -Ln: there is an SCTP service", l.Name).
				fix("# in the network namespace of each sender: ethtool -K DEVICE tx-sctp-segmentation off")
		}
	}
}

// forwarding looks at the host's own.
func (c *checks) forwarding() {
	on := c.Host.sysctl("net/ipv4/ip_forward") == "1" || c.Host.sysctl("net/ipv6/conf/all/forwarding") == "1"
	seen := fmt.Sprintf("net.ipv4.ip_forward = %s, net.ipv6.conf.all.forwarding = %s",
		orNone(c.Host.sysctl("net/ipv4/ip_forward")), orNone(c.Host.sysctl("net/ipv6/conf/all/forwarding")))
	switch {
	case on && !c.Host.Guard && c.Host.GuardErr == nil:
		c.add(IPForwardUnsafe, "", "the host forwards, and there is no guard to keep it from what ulvs has taken over").
			seen("%s", seen).fix("sysctl -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0", "# or run ulvs with its guard: as root, without --no-guard")
	case on && c.Host.GuardErr == nil:
		c.add(IPForward, "", "the host forwards; the guard keeps it from what ulvs has taken over")
	case !on:
		c.add(IPForward, "", "the host does not forward; ulvs needs it not")
	}
	for _, l := range c.links() {
		all, own := c.Host.sysctl("net/ipv4/conf/all/rp_filter"), c.Host.sysctl("net/ipv4/conf/"+l.Name+"/rp_filter")
		if max(all, own) == "1" {
			c.add(RPFilterStrict, l.Name, "rp_filter is strict on %s: no effect on ulvs, which sees frames before it", l.Name).
				seen("net.ipv4.conf.all.rp_filter = %s, net.ipv4.conf.%s.rp_filter = %s; the larger counts", all, l.Name, own).
				fix("sysctl -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf."+l.Name+".rp_filter=0",
					"# only if the host's own stack shall accept what comes in by another way than it would go out")
		}
	}
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// guard looks for its table.
func (c *checks) guard() {
	switch h := &c.Host; {
	case h.GuardErr != nil:
		c.add(GuardUnreadable, "", "nftables could not be read").seen("%v", h.GuardErr).fix("ulvs doctor  # as root")
	case h.Guard && c.Daemon == nil:
		c.add(GuardLeftOver, "", "a daemon that is gone has left its guard: packets to its virtual services are dropped").
			seen("nft list table netdev ulvs").fix("nft delete table netdev ulvs", "# or start a daemon, which takes it over: ulvs run")
	case h.Guard:
		c.add(GuardPresent, "", "the guard is there: nftables table netdev ulvs")
	case c.Daemon != nil:
		c.add(GuardMissing, "", "there is no guard: the host answers for virtual addresses that it has (RST, port unreachable)").
			seen("nft list tables netdev: no ulvs").fix("# run ulvs with CAP_NET_ADMIN and without --no-guard, on a kernel with nftables",
			"# else keep virtual addresses off the host: ip address del VIP/32 dev DEVICE")
	}
}

// kernelIPVS looks for the other director.
func (c *checks) kernelIPVS() {
	if lines := c.Host.IPVS; len(lines) > 0 {
		d := c.add(KernelIPVS, "", "the kernel's ip_vs has %d services in this network namespace: both would forward", len(lines))
		for _, line := range lines {
			d.seen("/proc/net/ip_vs: %s", line)
		}
		d.fix("/usr/sbin/ipvsadm -C  # the kernel's, not a link to ulvs")
	}
}

// Shares of the table's capacity, in percent. Its shards fill unevenly, and a
// full one already throws half-open connections out for new ones.
const (
	nearlyFull = 75
	full       = 90
)

// table looks at the room for connections.
func (c *checks) table() {
	i := &c.Daemon.Info
	refused := c.Daemon.Reasons["dropped-table-full"]
	percent := 0
	if i.Capacity > 0 {
		percent = i.Connections * 100 / i.Capacity
	}
	id, text := TableUse, "has room"
	switch {
	case refused > 0 || percent >= full:
		id, text = TableFull, "is full, or has been"
	case percent >= nearlyFull:
		id, text = TableNearlyFull, "is nearly full"
	}
	d := c.add(id, "", "the connection table %s: %d of %d", text, i.Connections, i.Capacity)
	if id != TableUse {
		d.seen("ulvs status: connections %d of %d", i.Connections, i.Capacity).
			seen("ulvs reasons: dropped-table-full %d", refused).
			fix(fmt.Sprintf("ulvs run --capacity %d  # about 100 bytes each", 4*i.Capacity),
				"ipvsadm --set 300 30 60  # shorter timeouts", "ulvs set drop_entry=1  # against floods of SYNs")
	}
}

// lossFixes say what helps against each loss.
var lossFixes = map[string]string{
	"port-ring-full":     "ulvs run --workers N --ring-memory MIB  # more threads, larger rings",
	"port-send-full":     "ethtool -G DEVICE tx MORE  # or ip link set DEVICE txqueuelen 10000",
	"port-send-down":     "ip -br link  # which interface is down?",
	"port-send-too-long": "ip link show  # MTUs of the interfaces; those on one link must be equal",
	"port-send-refused":  "dmesg | tail  # why the kernel refuses frames",
	"worker-panics":      "# a bug: keep the daemon's log and report it",
	"neighbour-dropped":  "ip neigh  # who does not answer",
	"dropped-neighbour":  "ip neigh  # who does not answer",
	"dropped-no-route":   "ip route get ADDRESS  # of the real server",
	"dropped-link-down":  "ip route get ADDRESS  # is its interface among those of ulvs status, and up?",
	"dropped-local":      "ipvsadm -d ...  # a real server cannot be the director itself",
	"dropped-panic":      "# a bug: keep the daemon's log and report it",
}

// losses looks at what was lost and should not be, and at what is lost if
// clients do not hear of it.
func (c *checks) losses() {
	const tooBig = "answered-too-big"
	if n := c.Daemon.Reasons[tooBig]; n > 0 {
		c.add(ToldTooBig, "", "%d packets of clients were too big for the way to the server and answered by ICMP", n).
			seen("ulvs reasons: %s %d, in %s; a few for each client are usual, a number that grows with one is not", tooBig, n, c.Daemon.Info.Uptime.Round(1e9)).
			fix("# let ICMP type 3 code 4 (IPv6: type 2) pass to clients, or have them send less:",
				"# on real servers: ip route change default via ROUTER advmss MSS  # see tun-mtu-below-clients")
	}
	for _, name := range slices.Sorted(maps.Keys(lossFixes)) {
		if n := c.Daemon.Reasons[name]; n > 0 {
			c.add(PacketsLost, name, "%d times since the daemon's start: %s", n, meaning(name)).
				seen("ulvs reasons: %s %d, in %s", name, n, c.Daemon.Info.Uptime.Round(1e9)).fix(lossFixes[name])
		}
	}
}

// meaning is what a reason or loss stands for, one line.
func meaning(name string) string {
	all := api.ReasonTexts()
	i := slices.IndexFunc(all, func(t api.ReasonText) bool { return t.Name == name })
	if i < 0 {
		return "not known to this version"
	}
	return all[i].Meaning
}
