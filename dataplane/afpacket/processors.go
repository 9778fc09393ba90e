package afpacket

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// processors is how many processors the machine has, or at least 2 if it has
// more than one. Not runtime.NumCPU, which counts those that this process may
// run on: a daemon pinned to one processor still gets its frames from others.
func processors() int {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return runtime.NumCPU()
	}
	return countList(strings.TrimSpace(string(text)), runtime.NumCPU())
}

// countList counts the numbers in a list as the kernel writes it, "0-3,8"
// (Documentation/admin-guide/cputopology.rst); otherwise if it is none.
func countList(list string, otherwise int) (n int) {
	for r := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(r, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || to < from {
			return otherwise
		}
		n += to - from + 1
	}
	return n
}
