package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ulvs/internal/netns"
)

// placeReception moves the reception at the director off the sender's softirq,
// if the placement wants that.
func (t *Topology) placeReception(ctx context.Context) error {
	switch {
	case t.Place.Threaded:
		return t.threadNAPI(ctx)
	case t.Place.Steered:
		return t.steer()
	}
	return nil
}

// threadNAPI gives d0's NAPI a thread and fixes that to the director's
// processor. A veth has NAPI while GRO is on (kernel drivers/net/veth.c).
func (t *Topology) threadNAPI(ctx context.Context) error {
	gro := command{ns: t.Director, cpu: anyCPU, name: ethtoolProgram.path(), args: []string{"-K", t.In, "gro", "on"}}
	if _, err := output(ctx, gro); err != nil {
		return err
	}
	if err := writeSysfs(t.Director, "class/net/"+t.In+"/threaded", "1"); err != nil {
		return err
	}
	tid, err := findThread("napi/" + t.In + "-")
	if err == nil {
		err = affine(tid, t.Place.Director)
	}
	if err != nil {
		return fmt.Errorf("fix NAPI thread of %s to processor %d: %w", t.In, t.Place.Director, err)
	}
	return nil
}

// steer lets RPS hand what d0 receives to the director's processor.
func (t *Topology) steer() error {
	mask := strconv.FormatUint(1<<t.Place.Director, 16)
	return writeSysfs(t.Director, "class/net/"+t.In+"/queues/rx-0/rps_cpus", mask)
}

// findThread returns the kernel thread whose name begins so. The kernel cuts
// names to 15 letters.
func findThread(name string) (int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		text, _ := os.ReadFile(file) // of a process that may have ended
		if strings.HasPrefix(string(text), name[:min(len(name), 15)]) {
			return strconv.Atoi(filepath.Base(filepath.Dir(file)))
		}
	}
	return 0, fmt.Errorf("no thread called %s", name)
}

// writeSysfs writes a file below /sys as a namespace sees it: by a thread with
// a mount of its own, which ends with the thread.
func writeSysfs(ns *netns.NS, path, value string) error {
	ended := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread is no use to others
		var err error
		entering := ns.Do(func() { err = mountAndWrite(path, value) })
		ended <- errors.Join(entering, err)
	}()
	if err := <-ended; err != nil {
		return fmt.Errorf("write %s to /sys/%s: %w", value, path, err)
	}
	return nil
}

func mountAndWrite(path, value string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
		return err
	}
	return os.WriteFile("/sys/"+path, []byte(value), 0)
}
