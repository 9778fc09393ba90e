package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// insideEnv marks a process that is the first of its sandbox; its value is the
// sandbox's kind.
const insideEnv = "ULVS_LAB_SANDBOX"

// A kind of sandbox is a set of clone flags that may or may not be allowed.
type kind struct {
	name  string
	flags uintptr
}

// The kinds, best first. With a process namespace everything dies with its
// first process; it needs a /proc of its own, which some containers refuse.
// Without one, a lab that is killed hard may leave processes of commands that
// were run in its hosts.
const ownNet = unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS

var (
	rootKinds = []kind{{"root+pid", ownNet | unix.CLONE_NEWPID}, {"root", ownNet}}
	userKinds = []kind{
		{"user+pid", ownNet | unix.CLONE_NEWUSER | unix.CLONE_NEWPID},
		{"user", ownNet | unix.CLONE_NEWUSER},
	}
)

// outerProc is the /proc that this process found at its start, before it
// mounted its own: process ids read there are those of the person who started
// the lab. It is set once, by enterSandbox, before there is a second goroutine.
var outerProc *os.File

// inUserNamespace says whether the sandbox has a user namespace; set as
// outerProc is.
var inUserNamespace bool

// attributes are what starts a process in a sandbox of this kind. In a user
// namespace the user is root, and nobody else exists.
func (k kind) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: k.flags}
	if k.flags&unix.CLONE_NEWUSER != 0 {
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return a
}

// command is a command whose process is the first of a sandbox.
func (k kind) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), insideEnv+"="+k.name)
	cmd.SysProcAttr = k.attributes()
	return cmd
}

// pickKind tries the kinds of sandbox by starting binary in each and returns
// the first that works.
func pickKind(binary string) (kind, error) {
	kinds := userKinds
	if os.Geteuid() == 0 {
		kinds = append(append([]kind(nil), rootKinds...), userKinds...)
	}
	var failures []error
	for _, k := range kinds {
		out, err := k.command(binary, hostFace, roleProbe).CombinedOutput()
		if err == nil {
			return k, nil
		}
		failures = append(failures, fmt.Errorf("%s: %w %s", k.name, err, strings.TrimSpace(string(out))))
	}
	return kind{}, fmt.Errorf("make namespaces for the lab: %w; %s", errors.Join(failures...), namespaceAdvice())
}

// namespaceAdvice says what usually forbids namespaces and how to allow them.
func namespaceAdvice() string {
	for _, s := range []struct{ path, value, fix string }{
		{"kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"},
		{"kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
		{"user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"},
	} {
		text, err := os.ReadFile(filepath.Join("/proc/sys", s.path))
		if err == nil && strings.TrimSpace(string(text)) == s.value {
			return "as root run: " + s.fix + ", or run the lab as root"
		}
	}
	return "run it as root, or in a container with --privileged"
}

// enterSandbox makes the rest of the sandbox from inside: mounts that do not
// show outside, and a /proc of its own processes.
func enterSandbox() error {
	name := os.Getenv(insideEnv)
	if name == "" {
		return nil
	}
	if err := os.Unsetenv(insideEnv); err != nil { // our children are not first
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	proc, err := os.Open("/proc")
	if err != nil {
		return fmt.Errorf("open outer /proc: %w", err)
	}
	outerProc = proc
	inUserNamespace = strings.HasPrefix(name, "user")
	if !strings.HasSuffix(name, "+pid") {
		return nil
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}

// Main runs the tests of a package that builds labs; call it from TestMain as
// os.Exit(lab.Main(m)). The test process is started again as the first of a
// sandbox, as the lab face does, so that the tests need no root where the
// kernel allows that, and leave nothing behind however they end.
//
// The test binary is its own host program too: Config.Binary may be left
// empty if no director is started.
func Main(m interface{ Run() int }) int {
	if len(os.Args) > 1 && os.Args[1] == hostFace {
		return exitCode(HostMain(os.Args[2:]))
	}
	if os.Getenv(insideEnv) != "" {
		if err := enterSandbox(); err != nil {
			return exitCode(err)
		}
		return m.Run()
	}
	return restart()
}

// restart runs this process once more in a sandbox and returns its exit code.
func restart() int {
	k, err := pickKind("/proc/self/exe")
	if err != nil {
		return exitCode(err)
	}
	code, err := await(context.Background(), k.command("/proc/self/exe", os.Args[1:]...))
	if err != nil {
		return exitCode(err)
	}
	return code
}

// await runs the first process of a sandbox with our standard files.
func await(ctx context.Context, cmd *exec.Cmd) (code int, err error) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// The signal comes when the thread that starts the child ends, and no
	// thread of this process ends before it does: nothing here locks one.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err = cmd.Start(); err == nil {
		defer context.AfterFunc(ctx, func() {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			time.AfterFunc(closeTimeout, func() { _ = cmd.Process.Kill() })
		})()
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 0 {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// Sandboxed makes this process the first of a sandbox, by starting the program
// once more with the same arguments if it is not yet. inside says whether the
// caller is to go on; if not, code is what the other process has ended with. It
// is told to end when ctx ends.
func Sandboxed(ctx context.Context) (inside bool, code int, err error) {
	if os.Getenv(insideEnv) != "" {
		return true, 0, enterSandbox()
	}
	k, err := pickKind("/proc/self/exe")
	if err != nil {
		return false, 1, err
	}
	giveBack := func() {}
	cmd := k.command("/proc/self/exe", os.Args[1:]...)
	if own := unix.Getpgrp(); ownsTerminal(own) {
		// A group of its own, whose number it can see from inside: the shell
		// that it opens takes the terminal and gives it back by that number.
		cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, 0
		giveBack = func() {
			signal.Ignore(syscall.SIGTTOU)
			_ = unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, own)
		}
	}
	code, err = await(ctx, cmd)
	giveBack()
	return false, code, err
}

// ownsTerminal reports whether standard input is a terminal in whose
// foreground the process group is.
func ownsTerminal(group int) bool {
	front, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	return err == nil && front == group
}

// exitCode reports err, if any, on standard error.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "ulvs lab:", err)
	return 1
}
