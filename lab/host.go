package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"ulvs/internal/netns"
)

// Host is one machine of a lab: a network namespace that a process of its own
// keeps, so that nsenter can enter it.
type Host struct {
	Name string
	// PID is the holding process as the lab's user sees it, outside of the
	// sandbox.
	PID        int
	Interfaces []Interface
	Gateway    string // of the default route, if it has one

	lab *Lab
	ns  *netns.NS
}

// addHost starts the process of a host.
func (l *Lab) addHost(name string) (*Host, error) {
	h := &Host{Name: name, lab: l}
	cmd := exec.Command(l.binary, hostFace, roleHold, name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWUTS}
	proc, err := l.outerProc()
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{proc}
	line, err := l.startHelper(cmd, cmd.Start, name)
	if err != nil {
		return nil, fmt.Errorf("start host %s: %w", name, err)
	}
	if h.PID, err = strconv.Atoi(line); err != nil {
		return nil, fmt.Errorf("start host %s: %w", name, err)
	}
	if h.ns, err = netns.OfPID(cmd.Process.Pid); err != nil {
		return nil, err
	}
	l.hosts = append(l.hosts, h)
	return h, h.ns.Up("lo")
}

// outerProc is the /proc by which hosts learn their PID.
func (l *Lab) outerProc() (*os.File, error) {
	if outerProc != nil {
		return outerProc, nil
	}
	f, err := os.Open("/proc") // not in a sandbox: there is only one
	if err != nil {
		return nil, fmt.Errorf("open /proc: %w", err)
	}
	l.closers = append(l.closers, f)
	return f, nil
}

// Do runs f on a thread inside the host's network namespace: sockets that f
// opens belong to the host. Goroutines that f starts run outside.
func (h *Host) Do(f func()) error { return h.ns.Do(f) }

// NS is the host's network namespace, valid until the lab is closed.
func (h *Host) NS() *netns.NS { return h.ns }

// Start starts cmd in the host's network namespace; wait for it as for any
// exec.Cmd. Files and process ids are those of the lab.
func (h *Host) Start(cmd *exec.Cmd) error {
	var err error
	if entering := h.ns.Do(func() { err = cmd.Start() }); entering != nil {
		return entering
	}
	return err
}

// Run runs a program in the host and returns what it wrote to standard output
// and standard error. If it fails, the error tells both.
func (h *Host) Run(ctx context.Context, name string, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := h.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		err = fmt.Errorf("%s: run %s %s: %w: %s", h.Name, name, strings.Join(args, " "), err, lastLine(out.String()))
	}
	return out.String(), err
}

// Addr is the host's first address on its first interface.
func (h *Host) Addr() netip.Addr { return h.Interfaces[0].Addrs[0].Addr() }

// helper starts this program in a role in the host and returns the first line
// it prints, by which it is ready. It ends with the lab.
func (h *Host) helper(role string, args ...string) (string, error) {
	cmd := exec.Command(h.lab.binary, append([]string{hostFace, role}, args...)...)
	line, err := h.lab.startHelper(cmd, func() error { return h.Start(cmd) }, h.Name+"-"+role)
	if err != nil {
		return "", fmt.Errorf("start %s on %s: %w", role, h.Name, err)
	}
	return line, nil
}

// startHelper starts cmd on the lab's leash by calling start, and waits for
// the first line of its output. What it complains of is kept in a log.
func (l *Lab) startHelper(cmd *exec.Cmd, start func() error, name string) (string, error) {
	log, err := os.Create(filepath.Join(l.dir, name+".log"))
	if err != nil {
		return "", fmt.Errorf("create log: %w", err)
	}
	defer log.Close()
	cmd.Stdin, cmd.Stderr = l.leashEnd, log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", fmt.Errorf("make pipe: %w", err)
	}
	if err := start(); err != nil {
		return "", err
	}
	l.helpers = append(l.helpers, cmd)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("it ended early: %s", logTail(log.Name()))
	}
	return strings.TrimSpace(line), nil
}

// logTail returns the last line of a log.
func logTail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return lastLine(string(text))
}

// lastLine returns the last line of text that is not empty.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// closeAll closes everything and returns what went wrong.
func closeAll(closers []io.Closer) error {
	var errs []error
	for _, c := range closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
