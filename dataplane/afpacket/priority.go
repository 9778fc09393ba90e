package afpacket

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// urgentNice is the nice value of a worker's thread. With it the kernel runs
// the worker as soon as a frame comes, whatever else wants its processor, the
// daemon's own API among it; what waits 14 ms at 300,000 packets/s is lost. As
// with a balancer in the kernel, whose softirqs nobody outranks, a flood leaves
// others on that processor next to nothing.
const urgentNice = -20

// Urgent has the kernel run the calling thread before all ordinary ones; it
// needs CAP_SYS_NICE. On a machine with a single processor it does nothing: a
// flood would lock the operator out. The goroutine must be locked to its thread
// and never let go of it.
func Urgent() error {
	if processors() == 1 {
		return nil
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), urgentNice); err != nil {
		return fmt.Errorf("set nice value %d of a worker: %w", urgentNice, err)
	}
	return nil
}
