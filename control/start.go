package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"ulvs/control/api"
)

// readyEnv tells a daemon started in the background which descriptor waits
// for Ready.
const readyEnv = "ULVS_READY_FD"

// readyFD is the first descriptor of exec.Cmd.ExtraFiles.
const readyFD = 3

// startTimeout bounds the start of a daemon in the background.
const startTimeout = 30 * time.Second

// endTimeout is how long a daemon that was too slow may take to end cleanly.
const endTimeout = 5 * time.Second

// StartOptions say how EnsureDaemon starts a daemon.
type StartOptions struct {
	Socket string   // SocketPath() if empty
	Binary string   // our own executable if empty
	Args   []string // added to "run --background-child --socket PATH"
}

// EnsureDaemon returns when a daemon answers at the socket. If none does, it
// starts one in a session of its own, with its log beside the socket, and
// waits until that is ready. Several callers at a time start one daemon. If
// the daemon fails, the error holds the last line of its log.
func EnsureDaemon(ctx context.Context, o StartOptions) error {
	if err := o.complete(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := ping(ctx, o.Socket); !isUnreachable(err) {
		return err
	}
	if err := makeDir(filepath.Dir(o.Socket)); err != nil {
		return err
	}
	lock, err := waitLock(ctx, startPath(o.Socket))
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := ping(ctx, o.Socket); !isUnreachable(err) {
		return err // somebody was faster
	}
	return o.start(ctx)
}

// complete fills in the defaults.
func (o *StartOptions) complete() (err error) {
	if o.Socket == "" {
		if o.Socket, err = SocketPath(); err != nil {
			return err
		}
	}
	if o.Binary == "" {
		if o.Binary, err = os.Executable(); err != nil {
			return fmt.Errorf("find own executable: %w", err)
		}
	}
	return nil
}

// ping returns nil if a daemon answers.
func ping(ctx context.Context, socket string) error {
	c := NewClient(socket)
	defer c.Close()
	_, err := c.Info(ctx)
	return err
}

func isUnreachable(err error) bool {
	return errors.Is(err, &api.Error{Code: api.Unreachable})
}

// waitLock takes an exclusive lock on path, waiting until ctx is done.
func waitLock(ctx context.Context, path string) (*os.File, error) {
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for another start of the daemon (%s): %w", path, err)
		case <-tick.C:
		}
	}
}

// start runs the daemon and waits for its Ready.
func (o *StartOptions) start(ctx context.Context) error {
	log, err := os.OpenFile(logPath(o.Socket), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o640)
	if err != nil {
		return fmt.Errorf("open log of the daemon: %w", err)
	}
	defer log.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	defer r.Close()
	cmd := o.command(log, w)
	err = cmd.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("start daemon: %w", err)
	}
	return o.awaitReady(ctx, cmd, r)
}

// command is the daemon's process: its own session, so that it outlives the
// terminal, and nothing of ours but the log and the pipe. (A descriptor of
// the caller's, such as the pipe of a shell's $(...), would make the caller
// wait for the daemon's end.)
func (o *StartOptions) command(log, ready *os.File) *exec.Cmd {
	args := append([]string{"run", "--background-child", "--socket", o.Socket}, o.Args...)
	cmd := exec.Command(o.Binary, args...)
	cmd.Args[0] = "ulvs" // the binary may be called ipvsadm
	cmd.Dir = "/"
	cmd.Env = append(ownEnv(), fmt.Sprintf("%s=%d", readyEnv, readyFD))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{ready}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// ownEnv is our environment without what a service manager told us alone
// (sd_notify(3), sd_watchdog_enabled(3)): the daemon is not its service.
func ownEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "NOTIFY_SOCKET=") || strings.HasPrefix(v, "WATCHDOG_")
	})
}

// awaitReady reads the daemon's end of the pipe: a line if it is ready, just
// the end of file if it has died.
func (o *StartOptions) awaitReady(ctx context.Context, cmd *exec.Cmd, r *os.File) error {
	if deadline, ok := ctx.Deadline(); ok {
		_ = r.SetReadDeadline(deadline) // a pipe can
	}
	stop := context.AfterFunc(ctx, func() { _ = r.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err == nil && line == "ready\n" {
		return cmd.Process.Release()
	}
	if !errors.Is(err, io.EOF) { // too slow or cancelled: take it away again
		end(cmd)
		return fmt.Errorf("start daemon: not ready in time; its log is %s%s", logPath(o.Socket), lastLine(logPath(o.Socket)))
	}
	return fmt.Errorf("start daemon: %s%s", ending(cmd.Wait()), lastLine(logPath(o.Socket)))
}

// end ends the daemon: it is asked first, so that it can take its guard away.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(endTimeout, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	_ = cmd.Wait()
}

// ending words how the daemon ended.
func ending(err error) string {
	if err == nil {
		return "it ended at once"
	}
	return err.Error()
}

// lastLine returns ": " and the last line of the file that is not empty, or
// nothing.
func lastLine(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 8<<10 {
		_, _ = f.Seek(-8<<10, io.SeekEnd)
	}
	text, _ := io.ReadAll(io.LimitReader(f, 8<<10))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if last == "" {
		return ""
	}
	return ": " + last
}

// Ready tells the process that started this daemon in the background, if one
// did, that the daemon answers and forwards. Call it once, after Listen.
func Ready() error {
	if os.Getenv(readyEnv) != fmt.Sprint(readyFD) {
		return nil
	}
	if err := os.Unsetenv(readyEnv); err != nil {
		return fmt.Errorf("report ready: %w", err)
	}
	f := os.NewFile(readyFD, "ready pipe")
	defer f.Close()
	if _, err := f.WriteString("ready\n"); err != nil && !errors.Is(err, syscall.EPIPE) {
		return fmt.Errorf("report ready: %w", err)
	}
	return nil
}
