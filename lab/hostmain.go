package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// hostFace is the hidden command by which a lab starts its own program in the
// roles below. What follows it is no interface: only this package calls it.
const hostFace = "lab-host"

// The roles of a lab's processes.
const (
	roleProbe  = "probe"  // does this kind of sandbox work
	roleDemo   = "demo"   // first process of the lab face's sandbox
	roleHold   = "hold"   // keeps a host's namespace, to be entered by nsenter
	roleServe  = "serve"  // HTTP server of a real server
	roleClient = "client" // HTTP client
	roleDecap  = "decap"  // end of the tunnel of a real server
)

// HostMain is the hidden face lab-host: one process of a lab, in the role that
// args name. It returns when the role has ended.
func HostMain(args []string) error {
	if err := enterSandbox(); err != nil {
		return err
	}
	if len(args) == 0 {
		return fmt.Errorf("%s: is started by ulvs lab only", hostFace)
	}
	roles := map[string]func(context.Context, []string) error{
		roleProbe: probe, roleDemo: demo, roleHold: hold,
		roleServe: serve, roleClient: client, roleDecap: unpack,
	}
	role, ok := roles[args[0]]
	if !ok {
		return fmt.Errorf("%s: no role %q", hostFace, args[0])
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return role(ctx, args[1:])
}

// probe proves the sandbox by doing what a lab will do first.
func probe(context.Context, []string) error {
	runtime.LockOSThread() // the new namespace is this thread's
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make a network namespace: %w", err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0); err != nil {
		return fmt.Errorf("write a sysctl of an own namespace: %w", err)
	}
	return nil
}

// hold is a host of the lab: it prints its process id as the lab's user sees
// it and lives until the lab lets go of the leash.
func hold(ctx context.Context, args []string) error {
	if err := unix.Sethostname([]byte(args[0])); err != nil {
		return fmt.Errorf("name host %s: %w", args[0], err)
	}
	pid, err := outerPID(heldProcFD)
	if err != nil {
		return err
	}
	fmt.Println(pid)
	leash(ctx)
	return nil
}

// outerPID is the number of this process in the /proc that proc is open at.
func outerPID(proc int) (int, error) {
	var buf [32]byte
	n, err := unix.Readlinkat(proc, "self", buf[:])
	if err != nil {
		return 0, fmt.Errorf("read own process id: %w", err)
	}
	return strconv.Atoi(string(buf[:n]))
}

// heldProcFD is where a holding process inherits outerProc: the first
// descriptor of exec.Cmd.ExtraFiles.
const heldProcFD = 3

// leash returns when the lab lets go, or has died: standard input ends. It
// returns as well when ctx is done.
func leash(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	<-ctx.Done()
}

// onLeash returns a context that ends with the leash.
func onLeash(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		leash(ctx)
	}()
	return ctx
}
