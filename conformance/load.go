package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"ulvs/internal/oracle"
)

// Load reads every *.jsonl and *.jsonl.gz below the root of fsys, in the order
// of their names. A file may hold several scenarios; each begins with a header.
// It is an error if there is none at all.
func Load(fsys fs.FS) (all []*Scenario, err error) {
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !oracle.IsRecording(name) {
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

func loadFile(fsys fs.FS, name string) (all []*Scenario, err error) {
	group := path.Base(path.Dir(name))
	err = oracle.Lines(fsys, name, func(line []byte) (err error) {
		all, err = addLine(all, group, line)
		return err
	})
	return all, err
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
