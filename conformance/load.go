package conformance

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// maxLine is the longest line that a recording may have, in bytes.
const maxLine = 4 << 20

// Load reads every *.jsonl and *.jsonl.gz below the root of fsys, in the order
// of their names. A file may hold several scenarios; each begins with a header.
// It is an error if there is none at all.
func Load(fsys fs.FS) (all []*Scenario, err error) {
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !recorded(name) {
			return err
		}
		more, err := loadFile(fsys, name)
		all = append(all, more...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read recordings: %w", err)
	}
	if len(all) == 0 {
		return nil, errors.New("read recordings: no *.jsonl or *.jsonl.gz in the directory or below it")
	}
	return all, nil
}

func recorded(name string) bool {
	return strings.HasSuffix(name, ".jsonl") || strings.HasSuffix(name, ".jsonl.gz")
}

func loadFile(fsys fs.FS, name string) ([]*Scenario, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	all, err := parse(path.Base(path.Dir(name)), r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return all, nil
}

// parse reads the scenarios of one file.
func parse(group string, r io.Reader) (all []*Scenario, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if all, err = addLine(all, group, lines.Bytes()); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return all, lines.Err()
}

// addLine adds one line to the scenarios read so far.
func addLine(all []*Scenario, group string, line []byte) ([]*Scenario, error) {
	var kind struct{ Type string }
	if err := json.Unmarshal(line, &kind); err != nil {
		return nil, err
	}
	if kind.Type == "header" {
		s := &Scenario{}
		err := json.Unmarshal(line, s)
		s.Group = group
		return append(all, s), err
	}
	if len(all) == 0 {
		return nil, errors.New("a step before the first header")
	}
	s := all[len(all)-1]
	switch kind.Type {
	case "transition":
		s.Cells = append(s.Cells, Cell{})
		return all, json.Unmarshal(line, &s.Cells[len(s.Cells)-1])
	case "":
		s.Steps = append(s.Steps, Step{})
		return all, json.Unmarshal(line, &s.Steps[len(s.Steps)-1])
	}
	return nil, fmt.Errorf("type is %q: want header, transition or none for a step", kind.Type)
}
