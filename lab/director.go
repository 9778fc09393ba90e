package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The times that a director gets: to be ready (its rings are large), and to
// end before it is killed.
const (
	startTimeout = 30 * time.Second
	stopTimeout  = 10 * time.Second
)

// Process is a program that runs in a host until it is stopped.
type Process struct {
	Cmd  *exec.Cmd
	Log  string // path of its output
	done chan struct{}
	once sync.Once
	// patience is how long Stop waits.
	patience time.Duration
}

// Daemon starts a program in the host with its output in a log of the lab.
func (h *Host) Daemon(cmd *exec.Cmd) (*Process, error) {
	log, err := os.CreateTemp(h.lab.dir, h.Name+"-*.log")
	if err != nil {
		return nil, fmt.Errorf("create log: %w", err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	p := &Process{Cmd: cmd, Log: log.Name(), done: make(chan struct{}), patience: stopTimeout}
	if err := h.Start(cmd); err != nil {
		return nil, fmt.Errorf("%s: start %s: %w", h.Name, cmd.Path, err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(p.done)
	}()
	return p, nil
}

// Output returns what the process has printed so far.
func (p *Process) Output() string {
	text, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop ends the process by SIGTERM, or by SIGKILL if it takes too long, which
// is an error. Ending in another way than by the signal is none.
func (p *Process) Stop() (err error) {
	p.once.Do(func() {
		_ = p.Cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
		select {
		case <-p.done:
		case <-time.After(p.patience):
			_ = p.Cmd.Process.Kill()
			<-p.done
			err = fmt.Errorf("stop %s: still there after %v, killed", filepath.Base(p.Cmd.Path), p.patience)
		}
	})
	return err
}

// StartDirector starts "ulvs run" with args on the director and waits until
// it is ready. The lab stops it with itself.
func (l *Lab) StartDirector(ctx context.Context, args ...string) (*Process, error) {
	ready, err := listenNotify(filepath.Join(l.dir, "notify"))
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	cmd := exec.Command(l.binary, append([]string{"run"}, args...)...)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+filepath.Join(l.dir, "notify"))
	p, err := l.Director.Daemon(cmd)
	if err != nil {
		return nil, err
	}
	if err := awaitReady(ctx, ready, p); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	l.director = p
	return p, nil
}

// listenNotify makes the socket at which a service reports (sd_notify(3)).
func listenNotify(path string) (*net.UnixConn, error) {
	_ = os.Remove(path) // of an earlier director
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("make socket for readiness (a long TMPDIR is too long for a socket): %w", err)
	}
	return conn, nil
}

// awaitReady waits for READY=1.
func awaitReady(ctx context.Context, conn *net.UnixConn, p *Process) error {
	ready := make(chan error, 1)
	_ = conn.SetReadDeadline(time.Now().Add(startTimeout))
	go func() { ready <- readReady(conn) }()
	select {
	case err := <-ready:
		if err != nil {
			return fmt.Errorf("director not ready: %w: %s", err, logTail(p.Log))
		}
		return nil
	case <-p.done:
		return fmt.Errorf("director ended at once: %s", logTail(p.Log))
	case <-ctx.Done():
		return ctx.Err()
	}
}

func readReady(conn *net.UnixConn) error {
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		if strings.Contains("\n"+string(buf[:n])+"\n", "\nREADY=1\n") {
			return nil
		}
	}
}

// Ipvsadm runs "ulvs ipvsadm" on the director with the words of command, which
// are split at spaces, and returns what it has printed.
func (l *Lab) Ipvsadm(ctx context.Context, command string) (string, error) {
	return l.Director.Run(ctx, l.binary, append([]string{"ipvsadm"}, strings.Fields(command)...)...)
}
