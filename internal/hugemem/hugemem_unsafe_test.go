package hugemem

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestAlloc(t *testing.T) {
	for _, size := range []int{1, 4096, page - 1, page + 1, 3*page + 5} {
		mem, err := Alloc(size)
		if err != nil {
			t.Fatal(err)
		}
		if len(mem) != size || cap(mem) != size {
			t.Errorf("Alloc(%d) has length %d and capacity %d", size, len(mem), cap(mem))
		}
		if at := uintptr(unsafe.Pointer(unsafe.SliceData(mem))); at%page != 0 {
			t.Errorf("Alloc(%d) begins at %#x, not on a huge page", size, at)
		}
		for i, b := range mem {
			if b != 0 {
				t.Fatalf("Alloc(%d): byte %d is %d", size, i, b)
			}
		}
		mem[0], mem[size-1] = 1, 1
	}
}

func TestAllocTooMuch(t *testing.T) {
	if _, err := Alloc(1 << 56); err == nil {
		t.Error("Alloc of more than there is address space gave no error")
	}
}

// TestPopulate: the memory is taken when asked for and not before, and what is
// in it stays.
func TestPopulate(t *testing.T) {
	mem, err := Alloc(8 * page)
	if err != nil {
		t.Fatal(err)
	}
	if n := taken(t, mem); n != 0 {
		t.Errorf("%d bytes are resident before a touch", n)
	}
	mem[5] = 7
	Populate(mem)
	if n := taken(t, mem); n != len(mem) || mem[5] != 7 {
		t.Errorf("%d bytes of %d are resident, byte 5 is %d", n, len(mem), mem[5])
	}
}

// taken is how many bytes of mem are resident (mincore(2)).
func taken(t *testing.T, mem []byte) (n int) {
	t.Helper()
	pages := make([]byte, len(mem)/4096)
	if _, _, e := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&mem[0])), uintptr(len(mem)), uintptr(unsafe.Pointer(&pages[0]))); e != 0 {
		t.Fatal(e)
	}
	for _, p := range pages {
		n += int(p&1) * 4096
	}
	return n
}
