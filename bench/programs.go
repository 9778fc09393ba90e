package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// program is one that Debian has and an experiment needs.
type program struct {
	name, pkg string
	file      string // that the package must have installed beside; empty: none
}

// Programs in use.
var (
	haproxyProgram = program{name: "haproxy", pkg: "haproxy"}
	nginxProgram   = program{name: "nginx", pkg: "nginx-light"}
	streamModule   = program{name: "nginx", pkg: "libnginx-mod-stream", file: streamModulePath}
	iperfProgram   = program{name: "iperf3", pkg: "iperf3"}
	wrkProgram     = program{name: "wrk", pkg: "wrk"}
	nftProgram     = program{name: "nft", pkg: "nftables"}
	ethtoolProgram = program{name: "ethtool", pkg: "ethtool"}
)

// streamModulePath is where Debian puts nginx's stream module.
const streamModulePath = "/usr/lib/nginx/modules/ngx_stream_module.so"

// path finds the program, where Debian puts it even if PATH leaves that out.
func (p program) path() string {
	for _, name := range []string{p.name, "/usr/sbin/" + p.name, "/sbin/" + p.name} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return p.name
}

// missing returns an error if the program is not installed.
func (p program) missing() error {
	_, err := exec.LookPath(p.path())
	if err == nil && p.file != "" {
		_, err = os.Stat(p.file)
	}
	if err != nil {
		return fmt.Errorf("program %s is missing: apt-get install %s", p.name, p.pkg)
	}
	return nil
}

// checkPrograms names all programs that experiments miss, each once.
func checkPrograms(experiments []Experiment) error {
	seen := map[program]bool{}
	var errs []error
	for _, x := range experiments {
		for _, entry := range x.Entries {
			for _, p := range entry.Needs {
				if !seen[p] {
					seen[p] = true
					errs = append(errs, p.missing())
				}
			}
		}
	}
	return errors.Join(errs...)
}

// awaitListening waits until a process listens on a TCP port in its namespace.
func awaitListening(ctx context.Context, p *process, port uint16) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		if err := p.running(); err != nil {
			return err
		}
		if listens(p.cmd.Process.Pid, port) {
			return nil
		}
		if err := pause(ctx, lookEvery); err != nil {
			return fmt.Errorf("wait for %s to listen on port %d: %w", p.name, port, err)
		}
	}
}

// listens looks for a listening socket, state 0A, of any address (proc(5)).
func listens(pid int, port uint16) bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", pid))
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) > 3 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
			return true
		}
	}
	return false
}

// Times for a process to become ready: rings are large.
const (
	readyWithin = 30 * time.Second
	lookEvery   = 10 * time.Millisecond
)
