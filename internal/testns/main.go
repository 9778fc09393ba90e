package testns

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// insideEnv marks the test process that Main has started in a user namespace.
const insideEnv = "ULVS_TESTNS_INSIDE"

// Main runs the tests of a package that makes namespaces; call it from
// TestMain as os.Exit(testns.Main(m)). An ordinary user's test process is
// first started again as root of a user and network namespace of its own, so
// that the tests need no root where the kernel allows that.
func Main(m *testing.M) int {
	if os.Geteuid() == 0 || os.Getenv(insideEnv) != "" {
		return m.Run()
	}
	err := reexec().Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	_, _ = os.Stderr.WriteString("testns: start as root of a user namespace: " + err.Error() +
		"; run the tests as root or allow unprivileged user namespaces\n")
	return 1
}

// reexec is this process once more, as root of new namespaces; it dies with
// this one.
func reexec() *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	return cmd
}
