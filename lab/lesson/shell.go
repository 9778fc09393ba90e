package lesson

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"ulvs/lab"
)

// programs are what lessons type beside ulvs, with the Debian packages that
// have them.
var programs = [][2]string{{"ip", "iproute2"}, {"sysctl", "procps"}, {"nft", "nftables"}, {"ifconfig", "net-tools"}, {"route", "net-tools"}}

// shells are the prompts of a lab's hosts: ulvs and its other names are found
// before all else, and the current folder is the lab's.
type shells struct {
	dir     string
	env     []string
	closers []io.Closer // what is open in the hosts
}

// newShells makes the folder of programs.
func newShells(l *lab.Lab) (*shells, error) {
	s := &shells{dir: filepath.Join(l.Dir(), "home")}
	bin := filepath.Join(l.Dir(), "bin")
	if err := errors.Join(os.Mkdir(s.dir, 0o755), os.Mkdir(bin, 0o755)); err != nil {
		return nil, fmt.Errorf("make folder for commands: %w", err)
	}
	for _, name := range []string{"ulvs", "ipvsadm", "ipvsadm-save", "ipvsadm-restore"} {
		if err := os.Symlink(l.Binary(), filepath.Join(bin, name)); err != nil {
			return nil, fmt.Errorf("make command: %w", err)
		}
	}
	for _, h := range l.Hosts() { // "rs1 ip addr" works from any host's shell
		text := fmt.Sprintf("#!/bin/sh\nexec nsenter --net=/proc/%d/fd/%d \"$@\"\n", os.Getpid(), h.NS().FD())
		if err := os.WriteFile(filepath.Join(bin, h.Name), []byte(text), 0o755); err != nil {
			return nil, fmt.Errorf("make command: %w", err)
		}
	}
	s.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH")+":/usr/sbin:/sbin", "LC_ALL=C")
	return s, nil
}

// run runs a line in a host and returns what it prints, on either output.
func (s *shells) run(ctx context.Context, h *lab.Host, line string) (string, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.env, &out, &out
	err := h.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		err = fmt.Errorf("%s: %s: %w: %s%s", h.Name, line, err, strings.TrimSpace(out.String()), missing(line))
	}
	return out.String(), err
}

// missing says which program is not there, if that may be the reason.
func missing(line string) string {
	word, _, _ := strings.Cut(line, " ")
	for _, p := range programs {
		if _, err := exec.LookPath(p[0]); word == p[0] && err != nil {
			return fmt.Sprintf(" (Debian has %s in the package %s)", p[0], p[1])
		}
	}
	return ""
}

// interact opens a shell at the terminal in a host, until it is left.
func (s *shells) interact(ctx context.Context, h *lab.Host) error {
	mode := "-s"
	if isTerminal(os.Stdin) {
		mode = "-i"
	}
	cmd := exec.CommandContext(ctx, "sh", mode)
	cmd.Dir, cmd.Env = s.dir, append(s.env, "PS1="+h.Name+"# ")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := h.Start(cmd); err != nil {
		return fmt.Errorf("open shell on %s: %w", h.Name, err)
	}
	var left *exec.ExitError // with whatever the last command gave
	if err := cmd.Wait(); err != nil && !errors.As(err, &left) {
		return err
	}
	return nil
}

// close ends what is open in the hosts.
func (s *shells) close() {
	for _, c := range s.closers {
		_ = c.Close()
	}
}

// reader is whoever reads along.
type reader struct{ in io.Reader }

// pause waits for Enter, or for the end of ctx.
func (r *reader) pause(ctx context.Context) {
	if r != nil {
		fmt.Print("  (think, then press Enter) ")
		r.ask(ctx)
	}
}

// again asks whether to try once more; the answer is yes unless it is no.
func (r *reader) again(ctx context.Context) bool {
	fmt.Print("Not solved yet. Back to the shell? [Y/n] ")
	line, ok := r.ask(ctx)
	return ok && !strings.HasPrefix(strings.ToLower(line), "n")
}

// ask is line, given up when ctx ends: nobody reads on after that.
func (r *reader) ask(ctx context.Context) (line string, ok bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		line, ok = r.line()
	}()
	select {
	case <-done:
		return line, ok
	case <-ctx.Done():
		return "", false
	}
}

// line reads up to an end of line and nothing beyond: the shell of the
// exercise reads from the same terminal. ok is false at the end of the input.
func (r *reader) line() (line string, ok bool) {
	var b [1]byte
	for {
		n, err := r.in.Read(b[:])
		switch {
		case n == 1 && b[0] == '\n':
			return line, true
		case n == 1:
			line += string(b[0])
		case err != nil:
			return line, false
		}
	}
}
