package bench

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// pinThread locks the goroutine to its thread and the thread to a processor.
// The goroutine must end without unlocking, so that the thread ends with it.
func pinThread(cpu int) error {
	runtime.LockOSThread()
	if err := affine(0, cpu); err != nil {
		return fmt.Errorf("fix thread to processor %d: %w", cpu, err)
	}
	return nil
}

// hurry lets the calling thread run before all others on its processor (sched(7),
// SCHED_FIFO): not for one that never waits.
func hurry() error {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}
	if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
		return fmt.Errorf("give thread real-time priority: %w", err)
	}
	return nil
}

// pinThreads fixes all threads of this process, and those to come, to a
// processor; a generator started later fixes its own elsewhere. undo frees them.
func pinThreads(cpu int) (undo func() error, err error) {
	return func() error { return eachThread(os.Getpid(), anyCPU) }, eachThread(os.Getpid(), cpu)
}

// eachThread sets the processors of all threads of a process; those to come
// inherit them.
func eachThread(pid, cpu int) error {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return fmt.Errorf("list threads: %w", err)
		}
		if err := affine(tid, cpu); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("fix thread %d to processors: %w", tid, err)
		}
	}
	return nil
}
