package e2e

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

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
		} else {
			n.t.Logf("%s: %s %q; all: %q", f.ID, f.Text, f.Evidence, ids(r))
		}
		if a.heal != nil {
			a.heal(n)
		}
		n.t.Logf("healed")
	}
	if after := n.examine(); !slices.Equal(ids(after), ids(before)) {
		n.t.Errorf("healed, and %q are found; before %q", ids(after), ids(before))
	}
}

// ailing is a network whose director can be examined, its servers at work.
func ailing(t *testing.T, c lab.Config) *network {
	t.Helper()
	n := serving(t, c, "rr")
	check(t, n.Serve())
	return n
}

// TestDoctorDR breaks what direct routing needs, and what all methods need.
func TestDoctorDR(t *testing.T) {
	n := ailing(t, lab.Config{Mode: lab.DR, Servers: 2})
	vip := n.VIP.String()
	svc := "-t " + n.Service().String()
	n.treat([]ailment{
		{want: doctor.VIPByServer,
			wreck: on(firstServer, "sysctl -w net.ipv4.conf.all.arp_ignore=0"),
			heal:  on(firstServer, "sysctl -w net.ipv4.conf.all.arp_ignore=1")},
		{want: doctor.VIPByOther,
			wreck: on(func(n *network) *lab.Host { return n.Client }, "ip address add "+vip+"/32 dev eth0"),
			heal:  on(func(n *network) *lab.Host { return n.Client }, "ip address del "+vip+"/32 dev eth0")},
		{want: doctor.DRSilent,
			wreck: on(firstServer, "ip address del "+vip+"/32 dev lo"),
			heal:  on(firstServer, "ip address add "+vip+"/32 dev lo")},
		{want: doctor.ServerForwards,
			wreck: on(firstServer, "ip address del "+vip+"/32 dev lo; sysctl -w net.ipv4.ip_forward=1"),
			heal:  on(firstServer, "ip address add "+vip+"/32 dev lo; sysctl -w net.ipv4.ip_forward=0")},
		{want: doctor.ServerRefuses,
			wreck: setUp("-A -t "+vip+":81 -s rr", "-a -t "+vip+":81 -r 192.0.2.11 -g"),
			heal:  setUp("-D -t " + vip + ":81")},
		{want: doctor.ServerNotChecked,
			wreck: setUp("-A -u "+vip+":53 -s rr", "-a -u "+vip+":53 -r 192.0.2.11 -g"),
			heal:  setUp("-D -u " + vip + ":53")},
		{want: doctor.ServerUnreachable,
			wreck: setUp("-a " + svc + " -r 192.0.2.99 -g"),
			heal:  setUp("-d " + svc + " -r 192.0.2.99")},
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
			wreck: on(theDirector, "sysctl -w net.ipv4.conf.eth0.rp_filter=1"),
			heal:  on(theDirector, "sysctl -w net.ipv4.conf.eth0.rp_filter=0")},
		{want: doctor.VIPSilent, args: []string{"--no-probe"},
			wreck: on(theDirector, "ip address del "+vip+"/32 dev eth0; ip address add "+vip+"/32 dev lo; sysctl -w net.ipv4.conf.all.arp_ignore=1"),
			heal:  on(theDirector, "sysctl -w net.ipv4.conf.all.arp_ignore=0; ip address del "+vip+"/32 dev lo; ip address add "+vip+"/32 dev eth0")},
		{want: doctor.VIPRouted, args: []string{"--no-probe"},
			wreck: setUp("-A -t 203.0.113.5:80 -s rr", "-a -t 203.0.113.5:80 -r 192.0.2.11 -g"), heal: setUp("-D -t 203.0.113.5:80")},
		{want: doctor.PortInUse, args: []string{"--no-probe"}, wreck: listenThere, heal: nil},
		{want: doctor.ProbesNotSent, args: []string{"--no-probe"}, wreck: func(*network) {}},
	})
}

// listenThere makes the director listen at the service's port until the test
// has looked.
func listenThere(n *network) {
	n.t.Helper()
	check(n.t, n.Director.Serve(":80"))
}

// TestDoctorNAT breaks what NAT needs.
func TestDoctorNAT(t *testing.T) {
	n := ailing(t, lab.Config{Mode: lab.NAT, Servers: 2})
	n.treat([]ailment{
		{want: doctor.NATReturnMissing,
			wreck: on(firstServer, "ip route del default"),
			heal:  on(firstServer, "ip route add default via 192.0.2.1")},
		{want: doctor.NATReturnMissing, // by another gateway
			wreck: on(firstServer, "ip route replace default via 192.0.2.12"),
			heal:  on(firstServer, "ip route replace default via 192.0.2.1")},
		{want: doctor.NATSilent,
			wreck: on(firstServer, "nft 'add table ip f; add chain ip f i { type filter hook input priority 0; }; add rule ip f i tcp dport 80 drop'"),
			heal:  on(firstServer, "nft delete table ip f")},
		{want: doctor.NATNoReplies, args: []string{"--no-probe"},
			wreck: func(n *network) {
				n.run(n.Servers[0], "ip", "route", "del", "default")
				_, _ = n.Client.Run(within(n.t, patience), "curl", "-sS", "--max-time", "4", "--parallel", n.URL(), n.URL())
			},
			heal: func(n *network) {
				n.run(n.Servers[0], "ip", "route", "add", "default", "via", "192.0.2.1")
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
	})
}

// TestDoctorDaemon: none, a killed one, one without rights, without a guard,
// without servers' interface, with a small table.
func TestDoctorDaemon(t *testing.T) {
	n := bare(t, lab.Config{Mode: lab.NAT, Servers: 1, Forward: true})
	expect := func(want doctor.ID, args ...string) {
		t.Helper()
		r := n.examine(args...)
		if !has(r, want) {
			t.Errorf("%s is not found; %q are", want, ids(r))
		}
	}
	expect(doctor.DaemonNotRunning)
	n.start("--capacity", "8", "--interface", "eth0")
	expect(doctor.ServicesNone)
	n.rules("rr", 1)
	expect(doctor.RouteOutside)
	if r := n.examine("--no-probe"); has(r, doctor.GuardMissing) || has(r, doctor.GuardLeftOver) || has(r, doctor.TableFull) {
		t.Errorf("found %q", ids(r))
	}
	check(t, n.daemon.Cmd.Process.Kill())
	<-n.daemon.Done()
	expect(doctor.GuardLeftOver)
	n.run(n.Director, "nft", "delete", "table", "netdev", "ulvs")
	if r := n.examine(); has(r, doctor.GuardLeftOver) {
		t.Error("left over, though it was removed")
	}
	n.start("--no-guard", "--capacity", "8")
	n.rules("rr", 1)
	expect(doctor.GuardMissing, "--no-probe")
	expect(doctor.IPForwardUnsafe, "--no-probe")
	expect(doctor.DaemonWarning, "--no-probe")
	for range 10 {
		_, _ = n.curl(n.Client, n.URL())
	}
}

// TestDoctorText: what a person sees.
func TestDoctorText(t *testing.T) {
	n := ailing(t, lab.Config{Mode: lab.DR, Servers: 1})
	n.run(n.Servers[0], "sysctl", "-w", "net.ipv4.conf.all.arp_ignore=0")
	out, err := n.Director.Run(within(t, patience), binary, "doctor")
	if exitStatus(err) == 0 || !strings.Contains(out, "02:00:c0:00:02:0b, the MAC of 192.0.2.11") || strings.Contains(out, "\x1b") {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
