package e2e

import (
	"bytes"
	"encoding/json"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"ulvs/doctor"
	"ulvs/lab"
)

// examine runs ulvs doctor on the director and returns what it found.
func (n *network) examine(args ...string) *doctor.Report {
	n.t.Helper()
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(within(n.t, patience), binary, append([]string{"doctor", "--json"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	check(n.t, n.Director.Start(cmd))
	code := exitStatus(cmd.Wait())
	var r doctor.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		n.t.Fatalf("doctor exits with %d: %v: %s%s", code, err, out.String(), complaint.String())
	}
	if (code != 0) != (r.Errors > 0) {
		n.t.Errorf("doctor exits with %d and has found %d errors", code, r.Errors)
	}
	return &r
}

// ids are those of the findings that are not good, sorted, each once.
func ids(r *doctor.Report) (all []doctor.ID) {
	for _, f := range r.Findings {
		if f.Severity > doctor.OK {
			all = append(all, f.ID)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// has reports whether there is a finding of the id.
func has(r *doctor.Report, id doctor.ID) bool {
	return slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool { return f.ID == id })
}

// ailment is one thing broken and the finding that it must give.
type ailment struct {
	want  doctor.ID
	wreck func(n *network)
	heal  func(n *network) // nil: nothing is left of it
	args  []string
	// cure is the host on which the finding's fix, typed as it stands, heals.
	cure func(n *network) *lab.Host
}

// on runs a command in a shell on a host.
func on(h func(n *network) *lab.Host, command string) func(n *network) {
	return func(n *network) { n.t.Helper(); n.run(h(n), "sh", "-c", command) }
}

func theDirector(n *network) *lab.Host { return n.Director }
func firstServer(n *network) *lab.Host { return n.Servers[0] }

// setUp is ipvsadm on the director.
func setUp(lines ...string) func(n *network) {
	return func(n *network) {
		n.t.Helper()
		for _, line := range lines {
			n.ipvsadm(line)
		}
	}
}

// treat breaks one thing after the other in a network and expects each to be
// found, and not to be found before and after.
func (n *network) treat(all []ailment) {
	n.t.Helper()
	before := n.examine()
	if before.Errors > 0 {
		n.t.Fatalf("errors before anything is broken: %+v", before.Findings)
	}
	for _, a := range all {
		if has(before, a.want) {
			n.t.Errorf("%s is there before it is broken", a.want)
		}
		a.wreck(n)
		r := n.examine(a.args...)
		i := slices.IndexFunc(r.Findings, func(f doctor.Finding) bool { return f.ID == a.want })
		if i < 0 {
			n.t.Errorf("%s is not found; %q are", a.want, ids(r))
		} else if f := r.Findings[i]; len(f.Fix) == 0 && f.Severity == doctor.Error {
			n.t.Errorf("%s has no fix", a.want)
		}
		if a.cure != nil && i >= 0 {
			on(a.cure, "set -e\n"+strings.Join(r.Findings[i].Fix, "\n"))(n)
		}
		if a.heal != nil {
			a.heal(n)
		}
	}
	last := all[len(all)-1]
	after := slices.DeleteFunc(ids(n.examine()), func(id doctor.ID) bool { return last.heal == nil && id == last.want })
	if !slices.Equal(after, ids(before)) {
		n.t.Errorf("healed, and %q are found; before %q", after, ids(before))
	}
}

// ailing is a network whose director can be examined, its servers at work.
func ailing(t *testing.T, c lab.Config) *network {
	t.Helper()
	n := serving(t, c, "rr")
	check(t, n.Serve())
	return n
}

// TestDoctorSound: nothing is found where all is well, in any variant of any
// method.
func TestDoctorSound(t *testing.T) {
	all := lab.Matrix(1)
	for _, tunnel := range []string{"gre", "gue"} {
		all = append(all, lab.Config{Mode: lab.TUN, Servers: 1, Tunnel: tunnel})
	}
	for _, c := range all {
		t.Run(c.String()+c.Tunnel, func(t *testing.T) {
			n := ailing(t, c)
			r := n.examine()
			found := slices.DeleteFunc(ids(r), func(id doctor.ID) bool { return id == doctor.TunMTUReduced && c.Mode == lab.TUN })
			if len(found) > 0 || has(r, doctor.VIPByUlvs) != c.HiddenVIP || !has(r, doctor.ServerAnswers) || has(r, doctor.TunMTU) != (c.Mode == lab.TUN) {
				t.Errorf("%q are found in %+v", found, r.Findings)
			}
		})
	}
}

// TestDoctorDR breaks what direct routing needs, and what all methods need.
func TestDoctorDR(t *testing.T) {
	n := ailing(t, lab.Config{Mode: lab.DR, Servers: 2})
	vip := n.VIP.String()
	svc := "-t " + n.Service().String()
	var quiet func()
	n.treat([]ailment{
		{want: doctor.VIPByServer,
			wreck: on(firstServer, "sysctl -w net.ipv4.conf.all.arp_ignore=0"), cure: firstServer},
		{want: doctor.VIPByOther,
			wreck: on(func(n *network) *lab.Host { return n.Client }, "ip address add "+vip+"/32 dev eth0"),
			heal:  on(func(n *network) *lab.Host { return n.Client }, "ip address del "+vip+"/32 dev eth0")},
		{want: doctor.DRSilent,
			wreck: on(firstServer, "ip address del "+vip+"/32 dev lo"), cure: firstServer},
		{want: doctor.ServerForwards,
			wreck: on(firstServer, "ip address del "+vip+"/32 dev lo; sysctl -w net.ipv4.ip_forward=1"), cure: firstServer,
			heal: on(firstServer, "sysctl -w net.ipv4.ip_forward=0")},
		{want: doctor.ServerRefuses,
			wreck: setUp("-A -t "+vip+":81 -s rr", "-a -t "+vip+":81 -r 192.0.2.11 -g"),
			heal:  setUp("-D -t " + vip + ":81")},
		{want: doctor.ServerNotChecked,
			wreck: setUp("-A -u "+vip+":53 -s rr", "-a -u "+vip+":53 -r 192.0.2.11 -g"),
			heal:  setUp("-D -u " + vip + ":53")},
		{want: doctor.ServerUnreachable,
			wreck: setUp("-a " + svc + " -r 192.0.2.99 -g"),
			heal:  setUp("-d " + svc + " -r 192.0.2.99")},
		{want: doctor.OffloadSCTP, args: []string{"--no-probe"},
			wreck: setUp("-A --sctp-service "+vip+":80 -s rr", "-a --sctp-service "+vip+":80 -r 192.0.2.11 -g"),
			heal:  setUp("-D --sctp-service " + vip + ":80")},
		{want: doctor.ServerNoRoute,
			wreck: setUp("-a " + svc + " -r 203.0.113.99 -g"),
			heal:  setUp("-d " + svc + " -r 203.0.113.99")},
		{want: doctor.ServerLocal,
			wreck: setUp("-a " + svc + " -r 192.0.2.2 -g"),
			heal:  setUp("-d " + svc + " -r 192.0.2.2")},
		{want: doctor.ServerDuplicate,
			wreck: on(func(n *network) *lab.Host { return n.Client }, "ip address add 192.0.2.11/32 dev eth0"),
			heal:  on(func(n *network) *lab.Host { return n.Client }, "ip address del 192.0.2.11/32 dev eth0")},
		{want: doctor.ServerBehind,
			wreck: func(n *network) {
				n.run(n.Director, "ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.11")
				n.ipvsadm("-a " + svc + " -r 203.0.113.9 -g")
			},
			heal: func(n *network) {
				n.ipvsadm("-d " + svc + " -r 203.0.113.9")
				n.run(n.Director, "ip", "route", "del", "203.0.113.0/24")
			}},
		{want: doctor.ServiceNoServers, args: []string{"--no-probe"},
			wreck: setUp("-A -t " + vip + ":82 -s rr"), heal: setUp("-D -t " + vip + ":82")},
		{want: doctor.ServiceNoWeight, args: []string{"--no-probe"},
			wreck: setUp("-A -t "+vip+":82 -s rr", "-a -t "+vip+":82 -r 192.0.2.11 -g -w 0"), heal: setUp("-D -t " + vip + ":82")},
		{want: doctor.RPFilterStrict, args: []string{"--no-probe"},
			wreck: on(theDirector, "sysctl -w net.ipv4.conf.eth0.rp_filter=1"), cure: theDirector},
		{want: doctor.VIPSilent, args: []string{"--no-probe"},
			wreck: on(theDirector, "ip address del "+vip+"/32 dev eth0; ip address add "+vip+"/32 dev lo; sysctl -w net.ipv4.conf.all.arp_ignore=1"),
			heal:  on(theDirector, "sysctl -w net.ipv4.conf.all.arp_ignore=0; ip address del "+vip+"/32 dev lo; ip address add "+vip+"/32 dev eth0")},
		{want: doctor.VIPRouted, args: []string{"--no-probe"},
			wreck: setUp("-A -t 203.0.113.5:80 -s rr", "-a -t 203.0.113.5:80 -r 192.0.2.11 -g"), heal: setUp("-D -t 203.0.113.5:80")},
		{want: doctor.PortInUse, args: []string{"--no-probe"},
			wreck: func(n *network) { quiet = n.listen(":80") }, heal: func(*network) { quiet() }},
		{want: doctor.ProbesNotSent, args: []string{"--no-probe"}, wreck: func(*network) {}},
	})
}

// listen makes a program of the director listen at the service's port, and the
// function that ends it.
func (n *network) listen(port string) (end func()) {
	n.t.Helper()
	var l net.Listener
	var err error
	check(n.t, n.Director.Do(func() { l, err = net.Listen("tcp4", port) }))
	check(n.t, err)
	return func() { _ = l.Close() }
}

// TestDoctorNAT breaks what NAT needs.
func TestDoctorNAT(t *testing.T) {
	n := ailing(t, lab.Config{Mode: lab.NAT, Servers: 2})
	n.treat([]ailment{
		{want: doctor.NATReturnMissing,
			wreck: on(firstServer, "ip route del default"), cure: firstServer},
		{want: doctor.NATReturnMissing, // by another gateway
			wreck: on(firstServer, "ip route replace default via 192.0.2.12"), cure: firstServer},
		{want: doctor.NATSilent,
			wreck: on(firstServer, "nft 'add table ip f; add chain ip f i { type filter hook input priority 0; }; add rule ip f i tcp dport 80 drop'"),
			heal:  on(firstServer, "nft delete table ip f")},
		{want: doctor.NATNoReplies, args: []string{"--no-probe"}, cure: firstServer,
			wreck: func(n *network) {
				n.run(n.Servers[0], "ip", "route", "del", "default")
				for range 8 { // half of them to the other server
					if c, err := dial(n.Client, n.Service().String(), 50*time.Millisecond); err == nil {
						_ = c.Close()
					}
				}
			},
			heal: func(n *network) {
				n.ipvsadm("-Z")
			}},
	})
}

// TestDoctorTUN breaks what tunnels need. The router's link to the servers gets
// a smaller MTU; then it keeps quiet about it.
func TestDoctorTUN(t *testing.T) {
	n := ailing(t, lab.Config{Mode: lab.TUN, Servers: 2})
	router := func(n *network) *lab.Host { return n.Router }
	n.treat([]ailment{
		{want: doctor.TunMTUSmall,
			wreck: on(router, "ip link set eth1 mtu 1400"), heal: on(router, "ip link set eth1 mtu 1500")},
		{want: doctor.TunMTUBlackHole,
			wreck: on(router, "ip link set eth1 mtu 1400; nft 'add table ip f; add chain ip f o { type filter hook output priority 0; }; add rule ip f o icmp type destination-unreachable drop'"),
			heal:  on(router, "ip link set eth1 mtu 1500; nft delete table ip f")},
		{want: doctor.TunSilent,
			wreck: on(firstServer, "ip address del "+n.VIP.String()+"/32 dev ulvs-decap"),
			heal:  on(firstServer, "ip address add "+n.VIP.String()+"/32 dev ulvs-decap")},
		{want: doctor.ServerUnreachable,
			wreck: on(router, "ip link set eth0 down"),
			heal:  on(router, "ip link set eth0 up; ip route replace default via 192.0.2.1 || true")},
		{want: doctor.ToldTooBig, args: []string{"--no-probe"}, // healed by time only: the last
			wreck: on(func(n *network) *lab.Host { return n.Client }, "head -c 9000 /dev/zero | curl -sS --max-time 9 --data-binary @- "+n.URL())},
	})
}

// expect examines the director, and that a finding is there.
func (n *network) expect(want doctor.ID, args ...string) {
	n.t.Helper()
	if r := n.examine(args...); !has(r, want) {
		n.t.Errorf("%s is not found; %q are", want, ids(r))
	}
}

// absent examines the director, and that findings are not there.
func (n *network) absent(unwanted ...doctor.ID) {
	n.t.Helper()
	r := n.examine("--no-probe")
	for _, id := range unwanted {
		if has(r, id) {
			n.t.Errorf("%s is found, among %q", id, ids(r))
		}
	}
}

// stop ends the daemon; hard, without leave to clean up.
func (n *network) stop(hard bool) {
	n.t.Helper()
	if hard {
		check(n.t, n.daemon.Cmd.Process.Kill())
		<-n.daemon.Done()
		return
	}
	check(n.t, n.daemon.Stop())
}

// TestDoctorDaemon: none, one on too few interfaces, one that was killed.
func TestDoctorDaemon(t *testing.T) {
	n := bare(t, lab.Config{Mode: lab.NAT, Servers: 1})
	n.expect(doctor.DaemonNotRunning)
	n.start("--interface", "eth0")
	n.absent(doctor.DaemonNotRunning)
	n.expect(doctor.ServicesNone)
	n.rules("rr", 1)
	n.absent(doctor.ServicesNone, doctor.GuardLeftOver)
	n.expect(doctor.RouteOutside)
	n.stop(true)
	n.expect(doctor.GuardLeftOver)
	n.run(n.Director, "nft", "delete", "table", "netdev", "ulvs")
	n.absent(doctor.GuardLeftOver)
	n.start("--interface", "eth1")
	n.rules("rr", 1)
	n.absent(doctor.RouteOutside)
	n.expect(doctor.VIPOutside)
}

// TestDoctorRights: a daemon and a doctor that may not do everything.
func TestDoctorRights(t *testing.T) {
	n := bare(t, lab.Config{Mode: lab.NAT, Servers: 1, Forward: true})
	n.start()
	n.rules("rr", 1)
	n.absent(doctor.CapNetAdminMissing, doctor.GuardMissing, doctor.GuardUnreadable, doctor.IPForwardUnsafe, doctor.DaemonWarning)
	for id, without := range map[doctor.ID]string{doctor.GuardUnreadable: "-net_admin", doctor.ProbesNotSent: "-net_raw"} {
		out, err := n.Director.Run(within(t, patience), "setpriv", "--bounding-set", without, binary, "doctor", "--brief")
		if !strings.Contains(out, string(id)) {
			t.Errorf("doctor %s: no %s: %v\n%s", without, id, err, out)
		}
	}
	n.stop(false)
	n.start("--no-guard")
	n.rules("rr", 1)
	r := n.examine("--no-probe")
	for _, id := range []doctor.ID{doctor.GuardMissing, doctor.IPForwardUnsafe, doctor.DaemonWarning} {
		if !has(r, id) {
			t.Errorf("%s is not found; %q are", id, ids(r))
		}
	}
	n.stop(false)
	p, err := n.Director.Daemon(exec.Command("setpriv", "--bounding-set", "-net_admin", binary, "run"))
	check(t, err)
	defer func() { check(t, p.Stop()) }()
	if !eventually(patience, func() bool { return has(n.examine("--no-probe"), doctor.CapNetAdminMissing) }) {
		t.Errorf("%s is not found; %q are", doctor.CapNetAdminMissing, ids(n.examine("--no-probe")))
	}
}

// TestDoctorLosses: packets to a server that is the director itself.
func TestDoctorLosses(t *testing.T) {
	n := bare(t, lab.Config{Mode: lab.NAT, Servers: 1})
	n.start()
	n.absent(doctor.PacketsLost)
	n.ipvsadm("-A -t " + n.VIP.String() + ":81 -s rr")
	n.ipvsadm("-a -t " + n.VIP.String() + ":81 -r 192.0.2.1 -m") // the director itself
	if c, err := dial(n.Client, n.VIP.String()+":81", 50*time.Millisecond); err == nil {
		_ = c.Close()
		t.Error("the director has served itself")
	}
	n.expect(doctor.PacketsLost, "--no-probe")
}

// TestDoctorLoad: a small table that fills up, a link that goes down.
func TestDoctorLoad(t *testing.T) {
	n := bare(t, lab.Config{Mode: lab.NAT, Servers: 1})
	n.start("--capacity", "8")
	n.rules("rr", 1)
	check(t, n.Serve())
	n.absent(doctor.TableNearlyFull, doctor.TableFull, doctor.InterfaceDown)
	for i := range 8 {
		c, err := dial(n.Client, n.Service().String(), patience)
		check(t, err)
		defer c.Close()
		switch i {
		case 6:
			n.expect(doctor.TableNearlyFull, "--no-probe")
		case 7:
			n.expect(doctor.TableFull, "--no-probe")
		}
	}
	n.run(n.Director, "ip", "link", "set", "eth1", "down")
	n.expect(doctor.InterfaceDown, "--no-probe")
	n.expect(doctor.ServerNoRoute, "--no-probe")
}

// TestDoctorIPv6: the same questions by neighbour solicitations and in IPv6.
func TestDoctorIPv6(t *testing.T) {
	if noIPv6(t) {
		return
	}
	for mode, ailments := range map[string][]ailment{
		lab.DR: {
			{want: doctor.VIPByServer,
				wreck: func(n *network) { check(n.t, n.Servers[0].NS().Addr("eth0", vip6+"/128")) },
				cure:  firstServer},
			{want: doctor.DRSilent,
				wreck: on(firstServer, "ip -6 address del "+vip6+"/128 dev lo"),
				cure:  firstServer},
		},
		lab.NAT: {
			{want: doctor.NATReturnMissing,
				wreck: on(firstServer, "ip -6 route del default"),
				cure:  firstServer},
		},
	} {
		t.Run(mode, func(t *testing.T) {
			n := bare(t, lab.Config{Mode: mode, Servers: 2})
			n.addresses6(t)
			n.start()
			for _, h := range n.Servers {
				check(t, h.Serve("[::]:80"))
			}
			n.rules6()
			n.treat(ailments)
		})
	}
}

// TestDoctorMarks: servers of a service by firewall mark are asked for what its
// rules say.
func TestDoctorMarks(t *testing.T) {
	n := bare(t, lab.Config{Mode: lab.DR, Servers: 2})
	check(t, n.Serve())
	n.start()
	n.ipvsadm("-A -f 1 -s rr")
	n.ipvsadm("-a -f 1 -r 192.0.2.11 -g")
	n.ipvsadm("-a -f 1 -r 192.0.2.12 -g")
	n.expect(doctor.ServerNotChecked)
	n.run(n.Director, binary, "mark", "add", "-p", "tcp", "-d", n.VIP.String(), "--dport", "80", "1")
	n.treat([]ailment{{want: doctor.DRSilent,
		wreck: on(firstServer, "ip address del "+n.VIP.String()+"/32 dev lo"),
		heal:  on(firstServer, "ip address add "+n.VIP.String()+"/32 dev lo")}})
}

// TestDoctorText: what a person sees.
func TestDoctorText(t *testing.T) {
	n := ailing(t, lab.Config{Mode: lab.DR, Servers: 1})
	n.run(n.Servers[0], "sysctl", "-w", "net.ipv4.conf.all.arp_ignore=0")
	out, err := n.Director.Run(within(t, patience), binary, "doctor")
	if exitStatus(err) == 0 || !strings.Contains(out, "02:00:c0:00:02:0b, the MAC of 192.0.2.11") || strings.Contains(out, "\x1b") {
		t.Errorf("%v\n%s", err, out)
	}
}
