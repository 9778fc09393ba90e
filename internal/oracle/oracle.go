// Package oracle reads recordings of a kernel's ip_vs: files of one JSON object
// a line, mostly gzipped, below testdata/oracle at the repository's root.
//
// It owns the opening, unpacking and cutting into lines. What a line means is
// for its callers, each of which looks at a part of it: package conformance,
// and the tests that hold one mechanism alone against the same recordings. It
// keeps nothing between calls.
package oracle

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// maxLine is the longest line that a recording may have, in bytes.
const maxLine = 4 << 20

// IsRecording reports whether a file is one by its name.
func IsRecording(name string) bool {
	return strings.HasSuffix(name, ".jsonl") || strings.HasSuffix(name, ".jsonl.gz")
}

// Lines calls each with every line of a recording, in order, until it fails.
// A line is valid during the call only. The error names file and line.
func Lines(fsys fs.FS, name string, each func(line []byte) error) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if err := each(lines.Bytes()); err != nil {
			return fmt.Errorf("%s: line %d: %w", name, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
