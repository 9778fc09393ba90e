package hugemem

import (
	"testing"
	"unsafe"
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
