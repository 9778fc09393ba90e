package afpacket

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestUrgent changes the calling thread alone.
func TestUrgent(t *testing.T) {
	if processors() == 1 {
		t.Log("a machine with one processor: nothing is changed")
		return
	}
	urgent, others := make(chan int), make(chan struct{})
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if err := Urgent(); err != nil {
			t.Error(err)
		}
		urgent <- niceOf(t, unix.Gettid())
		<-others
	}()
	if got := <-urgent; got != urgentNice {
		t.Errorf("the thread has nice value %d, want %d", got, urgentNice)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if got := niceOf(t, unix.Gettid()); got == urgentNice {
		t.Error("another thread has become urgent too")
	}
	close(others)
}

// niceOf is the nice value of a thread; the system call returns 20 minus it.
func niceOf(t *testing.T, tid int) int {
	v, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
	if err != nil {
		t.Error(err)
	}
	return 20 - v
}
