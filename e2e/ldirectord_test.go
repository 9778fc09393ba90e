package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ulvs/lab"
)

// How often ldirectord looks at the servers, and how long it waits for one. A
// stopped server may be noticed after both.
const (
	checkInterval = 3 * time.Second
	checkTimeout  = time.Second
	outageLimit   = checkInterval + checkTimeout
)

// ldirectordConf is the configuration of one virtual service. To be filled in:
// whether a server is kept with weight 0, log, virtual service, lines for the
// real servers.
const ldirectordConf = `checktimeout=1
negotiatetimeout=1
checkinterval=3
checkcount=1
autoreload=no
quiescent=%s
logfile="%s"
virtual=%s
%s	service=http
	request="index.html"
	receive="rs"
	scheduler=rr
	protocol=tcp
	checktype=negotiate
`

// namedConf is an nginx that answers with a word. To be filled in: the folder,
// the word.
const namedConf = `daemon off;
user root;
worker_processes 1;
pid %[1]s/pid;
error_log %[1]s/error.log;
events {}
http {
	access_log off;
	server {
		listen 80;
		location / { return 200 "%[2]s\n"; }
	}
}
`

// TestLdirectord: Debian's ldirectord, given our ipvsadm, sets up a service,
// takes out a server that has stopped, takes it in again, and cleans up.
func TestLdirectord(t *testing.T) {
	for _, c := range []struct{ mode, forward, quiescent, out string }{
		{lab.DR, "gate", "no", "-d -t"},
		{lab.NAT, "masq", "yes", "-e -t"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			n := bare(t, lab.Config{Mode: c.mode, Servers: 2, Forward: true})
			s := n.login(t)
			var webs []*lab.Process
			for _, h := range n.Servers {
				webs = append(webs, n.namedAt(t, h))
			}
			ld := n.ldirectord(t, s, c.forward, c.quiescent)
			s.awaitServers(t, "rs1 rs2", patience)
			client := n.curling(t)
			client.awaitBoth()

			stopped := time.Now()
			check(t, webs[1].Stop())
			s.awaitServers(t, "rs1", outageLimit)
			t.Logf("rs2 is out %v after its end", time.Since(stopped).Round(10*time.Millisecond))
			client.quietFrom(stopped.Add(outageLimit))

			back := time.Now()
			n.namedAt(t, n.Servers[1])
			s.awaitServers(t, "rs1 rs2", outageLimit)
			t.Logf("rs2 is in again %v after its start", time.Since(back).Round(10*time.Millisecond))
			client.awaitBoth()
			client.finish(stopped, back)

			check(t, ld.Stop())
			if left := s.does("ipvsadm -Ln"); left != emptyTable {
				t.Errorf("ldirectord leaves\n%s", left)
			}
			checkLdirectordLog(t, ld.Output(), "-A -t", "-a -t", c.out, "-D -t")
		})
	}
}

// namedAt starts nginx that answers with the host's name.
func (n *network) namedAt(t *testing.T, h *lab.Host) *lab.Process {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	check(t, os.WriteFile(conf, fmt.Appendf(nil, namedConf, dir, h.Name), 0o600))
	return n.daemonOn(t, h, exec.Command("nginx", "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", conf), "127.0.0.1:80")
}

// ldirectord starts ldirectord in the foreground: with -d it takes the ipvsadm
// of its folder. No daemon of ulvs runs yet; its first command starts one.
func (n *network) ldirectord(t *testing.T, s *shell, forward, quiescent string) *lab.Process {
	t.Helper()
	var reals strings.Builder
	for _, h := range n.Servers {
		fmt.Fprintf(&reals, "\treal=%s:80 %s\n", h.Addr(), forward)
	}
	conf := fmt.Sprintf(ldirectordConf, quiescent, filepath.Join(s.dir, "ldirectord.log"), n.Service(), reals.String())
	check(t, os.WriteFile(filepath.Join(s.dir, "web.cf"), []byte(conf), 0o600))
	cmd := exec.Command("ldirectord", "-d", "web.cf", "start")
	cmd.Dir, cmd.Env = s.dir, append(s.env, "HOSTNAME=director")
	p, err := n.Director.Daemon(cmd)
	check(t, err)
	t.Cleanup(func() {
		check(t, p.Stop())
		if t.Failed() {
			t.Logf("ldirectord:\n%s", p.Output())
		}
	})
	return p
}

// checkLdirectordLog: every command has worked, and every line that it has
// read from ipvsadm was understood; these commands were among them.
func checkLdirectordLog(t *testing.T, log string, commands ...string) {
	t.Helper()
	for _, word := range []string{") failed", "Unknown line read", "doesn't seem to be"} {
		if strings.Contains(log, word) {
			t.Errorf("ldirectord has logged %q", word)
		}
	}
	for _, command := range commands {
		if !strings.Contains(log, "./ipvsadm "+command) {
			t.Errorf("ldirectord has not used ipvsadm %s", command)
		}
	}
}

// awaitServers waits until the service has these real servers, each with a
// weight.
func (s *shell) awaitServers(t *testing.T, want string, limit time.Duration) {
	t.Helper()
	var listing string
	if !eventually(limit, func() bool {
		listing = s.types("ipvsadm -Ln").out
		var in []string
		for _, h := range s.n.Servers {
			for line := range strings.Lines(listing) {
				if f := strings.Fields(line); len(f) > 3 && f[1] == h.Addr().String()+":80" && f[3] != "0" {
					in = append(in, h.Name)
				}
			}
		}
		return strings.Join(in, " ") == want
	}) {
		t.Fatalf("after %v the servers are not %s:\n%s", limit, want, listing)
	}
}

// curling is somebody who runs curl again and again.
type curling struct {
	t    *testing.T
	n    *network
	stop chan struct{}
	done chan struct{}
	once sync.Once

	mu      sync.Mutex
	answers []attempt
}

// attempt is one run of curl.
type attempt struct {
	start time.Time
	name  string // of the server, "" if it has failed
	err   error
}

// curling starts them; they stop with the test.
func (n *network) curling(t *testing.T) *curling {
	c := &curling{t: t, n: n, stop: make(chan struct{}), done: make(chan struct{})}
	go c.run()
	t.Cleanup(c.end)
	return c
}

func (c *curling) end() {
	c.once.Do(func() { close(c.stop) })
	<-c.done
}

func (c *curling) run() {
	defer close(c.done)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
		}
		a := attempt{start: time.Now()}
		out, err := c.n.Client.Run(within(c.t, patience), "curl", "-sS", "--fail", "--max-time", "2", c.n.URL())
		if a.err = err; err == nil {
			a.name = strings.TrimSpace(out)
		}
		c.mu.Lock()
		c.answers = append(c.answers, a)
		c.mu.Unlock()
	}
}

// since returns the attempts that began at the moment or later.
func (c *curling) since(moment time.Time) []attempt {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.answers, func(a attempt) bool { return !a.start.Before(moment) })
	if i < 0 {
		return nil
	}
	return slices.Clone(c.answers[i:])
}

// awaitBoth waits for an answer of each server.
func (c *curling) awaitBoth() {
	c.t.Helper()
	from := time.Now()
	if !eventually(patience, func() bool {
		seen := map[string]bool{}
		for _, a := range c.since(from) {
			seen[a.name] = true
		}
		return seen["rs1"] && seen["rs2"]
	}) {
		c.t.Fatalf("not answered by both: %v", c.since(from))
	}
}

// quietFrom waits for some answers after the moment.
func (c *curling) quietFrom(moment time.Time) {
	c.t.Helper()
	if !eventually(patience, func() bool { return len(c.since(moment)) >= 5 }) {
		c.t.Fatal("curl is not run")
	}
}

// finish ends the requests: none has failed but some in the time that
// ldirectord may take to notice that a server has stopped.
func (c *curling) finish(stopped, back time.Time) {
	c.t.Helper()
	c.end()
	failed := 0
	for _, a := range c.since(time.Time{}) {
		switch after := a.start.Sub(stopped); {
		case a.err == nil && a.name == "rs2" && a.start.After(stopped.Add(outageLimit)) && a.start.Before(back):
			c.t.Errorf("answered by a stopped server %v after its end", after)
		case a.err == nil:
		case after < -time.Second || after > outageLimit:
			c.t.Errorf("curl fails %v after the end of a server: %v", after, a.err)
		default:
			failed++
		}
	}
	c.t.Logf("%d of %d requests have failed", failed, len(c.answers))
}
