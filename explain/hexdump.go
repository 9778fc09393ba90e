package explain

import (
	"bytes"
	"fmt"
	"strings"
)

// Sizes of hex dumps.
const (
	perRow = 16
	// mostRows is how many rows of bytes are shown that did not change.
	mostRows = 6
)

// row is up to 16 bytes at an offset; marked says which of them to mark.
func (t *Text) row(offset int, sign string, b []byte, marked []bool, mark func(string) string) {
	var line strings.Builder
	fmt.Fprintf(&line, "%04x %s", offset, sign)
	for i, v := range b {
		text := fmt.Sprintf("%02x", v)
		if marked != nil && marked[i] {
			text = mark(text)
		}
		line.WriteString(" " + text)
	}
	t.line("", "%s", line.String())
}

// marks are the carets below the bytes that differ.
func marks(differ []bool) string {
	text := bytes.Repeat([]byte(" "), 3*len(differ))
	for i, d := range differ {
		if d {
			copy(text[3*i+1:], "^^")
		}
	}
	return strings.TrimRight(string(text), " ")
}

// dump prints a frame.
func (t *Text) dump(b []byte) {
	for at := 0; at < len(b); at += perRow {
		if at/perRow == mostRows {
			t.line("", "%04x   ... %d bytes more", at, len(b)-at)
			return
		}
		t.row(at, " ", b[at:min(at+perRow, len(b))], nil, nil)
	}
}

// linkLen is the length of the link header, behind which a tunnel's headers are
// added.
const linkLen = 14

// diff prints two frames against each other: rows that are the same once, the
// others as before (-) and after (+), the bytes that differ marked. added bytes
// are new behind the link header.
func (t *Text) diff(before, after []byte, added int) {
	if added > 0 {
		t.line("bytes", "%d new ones behind the link header, then the packet:", added)
		t.dump(after[linkLen : linkLen+added])
		after = append(append([]byte(nil), after[:linkLen]...), after[linkLen+added:]...)
	}
	name, same := "bytes", 0
	n := min(len(before), len(after)) // what is longer has padding of the link
	for at := 0; at < n; at += perRow {
		b, a := before[at:min(at+perRow, n)], after[at:min(at+perRow, n)]
		if bytes.Equal(b, a) {
			if same++; same <= mostRows {
				t.named(&name, added)
				t.row(at, " ", b, nil, nil)
			}
			continue
		}
		differ := make([]bool, len(b))
		for i := range b {
			differ[i] = b[i] != a[i]
		}
		t.named(&name, added)
		t.row(at, "-", b, differ, t.style.old)
		t.row(at, "+", a, differ, t.style.new)
		t.line("", "      %s", marks(differ))
	}
	if same > mostRows {
		t.line("", "... %d bytes more that are as they were", (same-mostRows)*perRow)
	}
}

// named prints the name of the block before its first row.
func (t *Text) named(name *string, added int) {
	if *name != "" && added == 0 {
		t.line(*name, "before (-) and after (+)")
	}
	*name = ""
}
