package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ulvs/lab"
)

// terminal is one of tmux's, in which a program runs on the director.
type terminal struct {
	n             *network
	t             *testing.T
	socket        string
	width, height int
}

// terminal opens a terminal and runs a line in it, then says how that ended:
// tmux itself does not always reap a child, and then does not know.
func (n *network) terminal(t *testing.T, width, height int, line string) *terminal {
	t.Helper()
	x := &terminal{n: n, t: t, socket: filepath.Join(t.TempDir(), "tmux"), width: width, height: height}
	x.tmux("new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), line+"; echo ended with $?; sleep 1000")
	t.Cleanup(func() { _, _ = n.Director.Run(within(t, patience), "tmux", "-S", x.socket, "kill-server") })
	return x
}

func (x *terminal) tmux(args ...string) string {
	x.t.Helper()
	return x.n.run(x.n.Director, "tmux", append([]string{"-f", "/dev/null", "-S", x.socket}, args...)...)
}

// types presses keys, by tmux's names of them.
func (x *terminal) types(keys ...string) {
	x.t.Helper()
	x.tmux(append([]string{"send-keys"}, keys...)...)
}

// shows waits until the screen matches all patterns and is filled and not
// overfilled, which after a resize it is only when it has been drawn anew.
func (x *terminal) shows(patterns ...string) {
	x.t.Helper()
	var screen, missing string
	if !eventually(patience, func() bool {
		screen = x.tmux("capture-pane", "-p")
		for _, p := range patterns {
			if missing = p; !regexp.MustCompile(p).MatchString(screen) {
				return false
			}
		}
		missing = "a full picture"
		return x.filled(screen)
	}) {
		x.t.Fatalf("%dx%d: %q is not on the screen:\n%s", x.width, x.height, missing, screen)
	}
}

// filled reports whether the picture begins in the first line and ends in the
// last.
func (x *terminal) filled(screen string) bool {
	lines := strings.Split(strings.TrimSuffix(screen, "\n"), "\n")
	return len(lines) == x.height && strings.HasPrefix(lines[0], " ulvs top") && strings.HasPrefix(lines[len(lines)-1], " q quit")
}

// ends waits for the program to end well.
func (x *terminal) ends() bool {
	x.t.Helper()
	return eventually(patience, func() bool {
		return slices.Contains(strings.Split(x.tmux("capture-pane", "-p"), "\n"), "ended with 0")
	})
}

// TestTop: in a real terminal of either size ulvs top shows live traffic as it
// is promised, does what keys say, follows a resize, and outlives the daemon.
func TestTop(t *testing.T) {
	n := bare(t, lab.Config{Mode: lab.NAT, Servers: 3})
	n.start()
	n.rules("wrr", 1, 2, 1)
	n.ipvsadm("-A -t [2001:db8:1234:5678:9abc:def0:1234:5678]:443 -s wlc")
	check(t, n.Serve())
	n.pulse(t)
	vip, server := regexp.QuoteMeta(n.Service().String()), func(i int) string { return regexp.QuoteMeta(n.Servers[i].Addr().String()) }
	for _, size := range [][2]int{{80, 24}, {200, 50}} {
		x := n.terminal(t, size[0], size[1], binary+" top --interval 500ms")
		x.shows("2 services, 3 servers", "tcp "+vip+" +wrr ", server(0)+`:80.* 1 .* 25%`, server(1)+`:80.* 2 .* 50%`,
			`\.\.|9abc`, `forwarded-nat +client packet`, `forwarded-reply`)
		if size[0] == 200 {
			x.shows("share, . is due", `###+\|`, "bytes in")
		}
		x.types("Enter")
		x.shows("ulvs top   tcp "+vip, `SHARES of [0-9,]+ new connections`, server(1)+`:80 +#+.* due +50%`)
		x.types("Escape")
		x.shows("2 services")
		x.types("s")
		x.shows("by weight")
		x.types("/", n.Servers[1].Addr().String())
		x.types("Enter")
		x.shows("by weight   only", "tcp "+vip)
		x.types("Escape") // by itself: with the next key it would be Alt
		x.shows("by weight\n")
		x.types("w")
		x.shows("what became of packets", `passed-arp`, "as it should be")
		x.types("w", "Space")
		x.shows("FROZEN")
		x.types("Space", "?")
		x.shows("freeze the picture")
		x.types("?")
		x.tmux("resize-window", "-x", "100", "-y", "30")
		x.width, x.height = 100, 30
		x.shows("2 services")
		x.types("q")
		if !x.ends() {
			t.Errorf("q does not end it: %s", x.tmux("capture-pane", "-p"))
		}
	}
	n.checkPlainTop(t)
}

// checkPlainTop: no terminal, no control characters; no daemon, exit code 3,
// and in a terminal a view that waits for one.
func (n *network) checkPlainTop(t *testing.T) {
	s := n.login(t)
	out := s.does("ulvs top -n 2 --interval 200ms")
	if strings.Count(out, "SERVICE ") != 2 || strings.Contains(out, "\x1b") || !strings.Contains(out, "[2001:db8:1234:5678:9abc:def0:1234:5678]:443") {
		t.Errorf("ulvs top prints\n%q", out)
	}
	if out := s.does("ulvs reasons --interval 200ms"); !regexp.MustCompile(`(?m)^ +[1-9][0-9.]* +[0-9]+  forwarded-nat +forwarded client`).MatchString(out) || strings.Contains(out, "\x1b") {
		t.Errorf("ulvs reasons prints\n%q", out)
	}
	x := n.terminal(t, 80, 24, binary+" top --interval 200ms")
	x.shows("2 services")
	n.kill()
	x.shows("no daemon answers at ", "Asking again every 200ms")
	if a := s.types("ulvs top"); a.code != 3 || !strings.HasPrefix(a.err, "ulvs: no daemon answers at ") {
		t.Errorf("without a daemon: %+v", a)
	}
	n.start()
	x.shows("There is no virtual service")
	pid := strings.TrimSpace(x.tmux("list-panes", "-F", "#{pane_pid}"))
	n.run(n.Director, "pkill", "-TERM", "-P", pid)
	if !x.ends() {
		t.Errorf("SIGTERM does not give the terminal back:\n%s", x.tmux("capture-pane", "-p"))
	}
}
