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
// The goroutine must end without unlocking, so that the thread ends with it. A
// machine with fewer processors leaves the thread free.
func pinThread(cpu int) error {
	runtime.LockOSThread()
	if cpu >= runtime.NumCPU() {
		return nil
	}
	if err := PinProcess(0, cpu); err != nil {
		return fmt.Errorf("fix thread to processor %d: %w", cpu, err)
	}
	return nil
}

// PinProcess fixes the thread with number pid, and threads it makes from then
// on, to a processor. 0 is the calling thread.
func PinProcess(pid, cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	return unix.SchedSetaffinity(pid, &set)
}

// pinThreads fixes all threads of this process, and those to come, to a
// processor; a generator started later fixes its own elsewhere. undo frees them.
func pinThreads(cpu int) (undo func() error, err error) {
	if cpu >= runtime.NumCPU() {
		return func() error { return nil }, nil
	}
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return nil, fmt.Errorf("read processors of this thread: %w", err)
	}
	one.Set(cpu)
	return func() error { return eachThread(&all) }, eachThread(&one)
}

// eachThread sets the processors of all threads of this process.
func eachThread(set *unix.CPUSet) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return fmt.Errorf("list threads: %w", err)
		}
		if err := unix.SchedSetaffinity(tid, set); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("fix thread %d to processors: %w", tid, err)
		}
	}
	return nil
}
