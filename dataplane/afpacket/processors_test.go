package afpacket

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCountList(t *testing.T) {
	for _, tt := range []struct {
		list string
		want int
	}{{"0", 1}, {"0-1", 2}, {"0-3,8", 5}, {"0,2,4-5", 4}, {"", 9}, {"all", 9}, {"3-1", 9}} {
		if got := countList(tt.list, 9); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.list, got, tt.want)
		}
	}
}

// TestPinnedPollerSpins: that a process may use one processor only says nothing
// about where its frames come from. The count that Go makes is of its start,
// hence a process of its own.
func TestPinnedPollerSpins(t *testing.T) {
	if os.Getenv("ULVS_TEST_PINNED") != "" {
		want := Adaptive
		if processors() == 1 {
			want = Block
		}
		if p := newTestPoller(t); p.wait.mode != want {
			t.Errorf("mode %v, want %v", p.wait.mode, want)
		}
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	one.Set(0)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.SchedSetaffinity(0, &all) }()
	child := exec.Command(os.Args[0], "-test.run=^TestPinnedPollerSpins$")
	child.Env = append(os.Environ(), "ULVS_TEST_PINNED=1")
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
