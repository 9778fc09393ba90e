package e2e

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"ulvs/lab"
)

// resumeLimit is how soon forwarding must go on when an interface is back.
const resumeLimit = time.Second

// TestInterfaces: under traffic every interface of the director goes down and
// comes up, gets another MTU, is deleted and made again.
func TestInterfaces(t *testing.T) {
	for _, mode := range lab.Modes() {
		t.Run(mode, func(t *testing.T) {
			n := serving(t, lab.Config{Mode: mode, Servers: 2, Forward: true}, "rr")
			check(t, n.Serve())
			traffic := n.pulse(t)
			old, err := dial(n.Client, n.Service().String(), patience)
			check(t, err)
			defer old.Close()
			server, err := old.ask(patience)
			check(t, err)
			for _, link := range n.Director.Interfaces {
				runs := map[string]int{}
				for _, event := range n.events(link.Name) {
					runs[event.what] = event.run(t, n, traffic)
					// A connection from before lives on, on its server.
					if name, err := old.ask(patience); err != nil || name != server {
						t.Fatalf("%s %s: old connection is answered by %q, was by %s: %v", link.Name, event.what, name, server, err)
					}
				}
				n.checkInterfaceLog(t, link.Name, runs[flap], runs[deletion])
			}
		})
	}
}

// TestNewMAC: when the director's interface gets another hardware address the
// clients are told whose the virtual address is, which no host has.
func TestNewMAC(t *testing.T) {
	n := serving(t, lab.Config{Mode: lab.DR, Servers: 2, HiddenVIP: true}, "rr")
	check(t, n.Serve())
	traffic := n.pulse(t)
	ifname := n.Director.Interfaces[0].Name
	mac := net.HardwareAddr{2, 0, 0, 0, 0xee, 0}
	e := event{"new MAC", ifname, func() error {
		mac[5]++
		return n.Director.NS().SetMAC(ifname, mac)
	}, nil}
	e.run(t, n, traffic)
}

// event happens to an interface.
type event struct {
	what   string
	ifname string
	change func() error
	repair func() error // nil: nothing must be noticed
}

// The events that are logged.
const (
	flap     = "down and up"
	deletion = "deleted and made again"
)

func (n *network) events(ifname string) []event {
	ns := n.Director.NS()
	route := func(err error) error { // the kernel forgets routes by gateways
		if err != nil || n.Director.Gateway == "" {
			return err
		}
		return ns.Route("default", n.Director.Gateway)
	}
	return []event{
		{flap, ifname, func() error { return ns.Down(ifname) }, func() error { return route(ns.Up(ifname)) }},
		{"MTU 1400", ifname, func() error { return ns.MTU(ifname, 1400) }, nil},
		{"MTU 1500", ifname, func() error { return ns.MTU(ifname, 1500) }, nil},
		{deletion, ifname, func() error { return ns.Delete(ifname) }, func() error { return route(n.Director.Replug(ifname)) }},
	}
}

// run has it happen and measures the outage; it returns how many times. Once
// would do if this were the only thing on the machine: a measurement is
// repeated before it counts as a failure.
func (e event) run(t *testing.T, n *network, traffic *pulse) (times int) {
	t.Helper()
	for times = 1; ; times++ {
		took := e.measure(t, n, traffic)
		t.Logf("%s %s: forwarding again after %v", e.ifname, e.what, took.Round(time.Millisecond))
		switch {
		case took <= resumeLimit:
			return times
		case times == 3:
			t.Errorf("%s %s: forwarding again after %v, want %v at most", e.ifname, e.what, took, resumeLimit)
			return times
		}
	}
}

// measure has it happen once.
func (e event) measure(t *testing.T, n *network, traffic *pulse) time.Duration {
	t.Helper()
	check(t, e.change())
	if e.repair != nil {
		traffic.fails()
		check(t, e.repair())
	}
	// Back is when both ends of the cable can send.
	check(t, n.Director.NS().Ready(within(t, patience), e.ifname))
	check(t, n.Switch.NS().Ready(within(t, patience), "director-"+e.ifname))
	return traffic.awaitAfter(time.Now(), patience)
}

// checkInterfaceLog: each event was logged, once. A link that is up again when
// the daemon gets to look was never seen down.
func (n *network) checkInterfaceLog(t *testing.T, ifname string, flaps, deletions int) {
	t.Helper()
	log := n.daemon.Output()
	for text, want := range map[string][2]int{
		`msg="interface in use" interface=` + ifname + ` `:     {1 + deletions, 1 + deletions},
		`msg="interface gone" interface=` + ifname + ` `:       {deletions, deletions},
		`msg="link changed" interface=` + ifname + ` up=false`: {0, flaps},
	} {
		if got := strings.Count(log, text); got < want[0] || got > want[1] {
			t.Errorf("%d log lines with %s, want %d to %d", got, text, want[0], want[1])
		}
	}
	checkNoRepeats(t, log)
}

// checkNoRepeats: no warning or error comes twice.
func checkNoRepeats(t *testing.T, log string) {
	t.Helper()
	seen := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)level=(WARN|ERROR).*$`).FindAllString(log, -1) {
		if seen[line] {
			t.Errorf("logged again: %s", line)
		}
		seen[line] = true
	}
}

// TestSmallMTU: with less room behind the director than the peers know of, both
// directions work by ICMP 3/4 and by cutting super-frames.
func TestSmallMTU(t *testing.T) {
	n := serving(t, lab.Config{Mode: lab.NAT, Servers: 1}, "rr")
	w := n.nginxes(t)[0]
	for i, ifname := range []string{"eth1", "eth0"} {
		check(t, n.Director.NS().MTU(ifname, 1400))
		n.upload(t, w, i+1)
		if sum, err := n.download(t, n.URL()+smallFile); err != nil || sum != sums[smallFile] {
			t.Errorf("%s: SHA-256 %s, want %s: %v", ifname, sum, sums[smallFile], err)
		}
	}
	n.clean(t)
}

// TestManyFlaps: however the events fall together, the state at the end counts.
func TestManyFlaps(t *testing.T) {
	n := serving(t, lab.Config{Mode: lab.NAT, Servers: 1}, "rr")
	check(t, n.Serve())
	traffic := n.pulse(t)
	for range 10 {
		check(t, n.Director.NS().Delete("eth1"))
		check(t, n.Director.Replug("eth1"))
		check(t, n.Director.NS().Down("eth0"))
		check(t, n.Director.NS().Up("eth0"))
	}
	event{"many times", "eth0", func() error { return nil }, nil}.run(t, n, traffic)
	event{"many times", "eth1", func() error { return nil }, nil}.run(t, n, traffic)
	if st, _ := n.login(t).status(); fmt.Sprint(st.Interfaces) != "[eth0 eth1]" {
		t.Errorf("interfaces %s", st.Interfaces)
	}
	checkNoRepeats(t, n.daemon.Output())
}
