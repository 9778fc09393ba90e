package e2e

import (
	"fmt"
	"strings"
	"testing"

	"ulvs/lab"
)

// director builds a network with nothing running and a shell on the director.
func director(t *testing.T) *shell {
	t.Helper()
	return bare(t, lab.Config{Mode: lab.DR, Servers: 1}).login(t)
}

// TestBadUsage: one line that names the argument and what is accepted.
func TestBadUsage(t *testing.T) {
	s := director(t)
	for _, row := range []struct{ line, complaint string }{
		{"ulvs nosuch", `no command "nosuch"; see ulvs --help`},
		{"ulvs run extra", `ulvs run takes no argument, got "extra"`},
		{"ulvs run --nosuch", `unknown flag: --nosuch`},
		{"ulvs run -i nosuch", `--interface: there is no interface "nosuch"`},
		{"ulvs run -i eth0,nosuch", `--interface: there is no interface "nosuch"`},
		{`ulvs run -i ""`, `--interface: the name is empty`},
		{"ulvs run --workers 0", `--workers: 0 is not from 1 to 64`},
		{"ulvs run --workers many", `--workers: "many" is not a whole number`},
		{"ulvs run --workers 65", `--workers: 65 is not from 1 to 64`},
		{"ulvs run --capacity 0", `--capacity: 0 is not from 1 to 268435456 connections`},
		{"ulvs run --capacity 300000000", `--capacity: 300000000 is not from 1 to 268435456 connections`},
		{"ulvs run --ring-slots 2000000", `--ring-slots: 2000000 is not from 1 to 61410`},
		{"ulvs run --ring-slots -1", `--ring-slots: -1 is not from 1 to 61410`},
		{"ulvs run --ring-memory 1", `--ring-memory: 1 MiB left, an interface needs at least 18 MiB`},
		{"ulvs run --ring-slots 64 --throughput", `--ring-slots: not with --throughput, whose rings hold blocks of frames: use --ring-memory`},
		{"ulvs run --ring-memory 0", `--ring-memory: 0 is not from 1 to 1048576 MiB`},
		{"ulvs run --log-level loud", `--log-level: "loud" is not one of debug, info, warn, error`},
		{"ulvs status extra", `ulvs status takes no argument, got "extra"`},
		{"ulvs lab", `lab takes one of dr, nat, tun`},
		{"ulvs lab fullnet", `mode: "fullnet" is not one of dr nat tun`},
		{"ulvs lab dr --scheduler nosuch", `scheduler: "nosuch" is not one of ` + strings.Join(lab.Schedulers(), " ")},
		{"ulvs lab dr --requests 0", `--requests: 0 is not a positive number`},
		{"ulvs lab dr --weights 1,x", `--weights: "1,x" is not a list of whole numbers, 1,2,3`},
		{"ulvs decap --director x --vip 192.0.2.100", `--director: "x" is not an IP address`},
		{"ulvs decap --director 192.0.2.2", `--vip: at least one address is needed`},
		{"ulvs decap --director 192.0.2.2 --vip 192.0.2.100 --tun-type sit", `--tun-type: "sit" is not one of ipip, gre, gue`},
		{"ulvs decap --director 192.0.2.2 --vip 192.0.2.100 --tun-type gue", `--tun-port: gue needs the UDP port of the tunnel`},
		{"ulvs decap --director 192.0.2.2 --vip 192.0.2.100 --tun-port 6080", `--tun-port: ipip has no port`},
		{"ulvs lab dr --tun-type gre", `tun-type: only with mode tun`},
		{"ulvs lab tun --tun-type sit", `tun-type: "sit" is not one of ipip, gre, gue`},
	} {
		s.refused(row.line, "ulvs: "+row.complaint, 2)
	}
	if pid := s.daemon(); pid != 0 {
		t.Errorf("daemon %d runs", pid)
	}
}

// TestBadIpvsadm: ipvsadm's own words and exit codes, and no daemon is started
// for a command that cannot work.
func TestBadIpvsadm(t *testing.T) {
	s := director(t)
	for _, row := range []struct{ line, complaint string }{
		{"ipvsadm -A -t 300.1.1.1:80 -s rr", "illegal virtual server address[:port] specified"},
		{"ipvsadm -A -t 192.0.2.100:65536 -s rr", "illegal virtual server address[:port] specified"},
		{"ipvsadm -A -t 192.0.2.100:nosuchport", "illegal virtual server address[:port] specified"},
		{"ipvsadm -A -t 192.0.2.100", "Zero port specified for non-persistent service"},
		{"ipvsadm --set 1 2", "--set option requires 3 timeout values"},
		{"ipvsadm -S -t 192.0.2.100:80", "Illegal 'service-address' option with the 'save' command"},
		{"ipvsadm -A -t 192.0.2.100:80 extra -s rr", "unexpected argument extra"},
	} {
		s.refused(row.line, row.complaint, 2)
	}
	if pid := s.daemon(); pid != 0 {
		t.Errorf("daemon %d runs", pid)
	}
	s.does("ipvsadm -A -t 192.0.2.100:80")
	for _, row := range []struct{ line, complaint string }{
		{"ipvsadm -A -t 192.0.2.100:80", "Service already exists"},
		{"ipvsadm -D -t 192.0.2.100:81", "No such service"},
		{"ipvsadm -a -t 192.0.2.100:81 -r 192.0.2.11", "Service not defined"},
		{"ipvsadm -d -t 192.0.2.100:80 -r 192.0.2.11", "No such destination"},
		{"ipvsadm -E -t 192.0.2.100:80 -s nosuch", "Scheduler or persistence engine not found"},
	} {
		s.refused(row.line, row.complaint, 255)
	}
}

// TestNoDaemon: who needs one says so.
func TestNoDaemon(t *testing.T) {
	s := director(t)
	for _, face := range []string{"status", "reasons"} {
		a := s.types("ulvs " + face)
		if a.code != 3 || a.out != "" || !strings.HasPrefix(a.err, "ulvs: no daemon answers at /") || strings.Count(a.err, "\n") != 1 {
			t.Errorf("ulvs %s: exit %d, %q", face, a.code, a.err)
		}
	}
}

// TestSecondDaemon: refused, and says which one runs, however that was started.
func TestSecondDaemon(t *testing.T) {
	s := director(t)
	s.does("ipvsadm -A -t 192.0.2.100:80")
	first, _ := s.status()
	s.refused("ulvs run", fmt.Sprintf("ulvs: a daemon already runs in this network namespace: pid %d, socket %s", first.PID, first.Socket), 1)
	if now := s.daemon(); now != first.PID {
		t.Errorf("daemon %d, was %d", now, first.PID)
	}
	s.end(first.PID)
	// The other way round: a daemon in the foreground, which ipvsadm finds.
	s.n.start()
	if out := s.does("ipvsadm -A -t 192.0.2.100:80; ipvsadm -Sn"); out != "-A -t 192.0.2.100:80 -s wlc\n" {
		t.Errorf("rules %q", out)
	}
	s.refused("ulvs run", fmt.Sprintf("ulvs: a daemon already runs in this network namespace: pid %d, socket %s", s.daemon(), first.Socket), 1)
	check(t, s.n.daemon.Stop())
}

// TestNoNetRaw: what is missing and the fix, also through ipvsadm.
func TestNoNetRaw(t *testing.T) {
	s := director(t)
	const why = "open port on eth0: open packet socket: operation not permitted: needs CAP_NET_RAW, run as root or: setcap cap_net_raw,cap_net_admin+ep"
	const without = "setpriv --bounding-set=-net_raw --inh-caps=-net_raw "
	s.refused(without+"ulvs run", "ulvs: "+why, 1)
	a := s.types(without + "ipvsadm -A -t 192.0.2.100:80")
	if a.code != 2 || a.out != "" || strings.Count(a.err, "\n") != 1 || !strings.Contains(a.err, why) {
		t.Errorf("ipvsadm: exit %d, %q", a.code, a.err)
	}
	s.does("ipvsadm -A -t 192.0.2.100:80") // nothing of that is in the way
}

// TestNoNetAdmin: without the guard ulvs works where it can, and says what
// that means where it cannot.
func TestNoNetAdmin(t *testing.T) {
	n := bare(t, lab.Config{Mode: lab.NAT, Servers: 2, HiddenVIP: true})
	s := n.login(t)
	check(t, n.Serve())
	s.does("setpriv --bounding-set=-net_admin --inh-caps=-net_admin ipvsadm -C")
	n.rules("rr", 1, 1)
	n.checkService(t)
	st, _ := s.status()
	warnings := st.Warnings
	if len(warnings) != 1 || !strings.HasPrefix(warnings[0], "no guard: ") || !strings.Contains(warnings[0], "needs CAP_NET_ADMIN") ||
		!strings.Contains(warnings[0], "keep virtual addresses off the host and set ip_forward=0") {
		t.Errorf("warnings %q", warnings)
	}
}
