package sim

import (
	"embed"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// shipped are the scenarios that come with ulvs.
//
//go:embed scenarios
var shipped embed.FS

// ending is that of a scenario file.
const ending = ".yaml"

// maxFile bounds a scenario, in bytes.
const maxFile = 1 << 20

// Names returns the names of the shipped scenarios.
func Names() (all []string) {
	entries, _ := fs.ReadDir(shipped, "scenarios")
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ending); ok {
			all = append(all, name)
		}
	}
	return all
}

// Load reads the scenario of a file, or a shipped one by its name. The error is
// an *Error.
func Load(name string) (*Scenario, error) {
	if slices.Contains(Names(), name) {
		return load("scenarios/"+name+ending, func(path string) (io.ReadCloser, error) { return shipped.Open(path) })
	}
	return load(name, func(path string) (io.ReadCloser, error) { return os.Open(path) })
}

// opener opens a file by its path.
type opener func(path string) (io.ReadCloser, error)

func load(path string, open opener) (*Scenario, error) {
	text, err := read(path, open)
	if err != nil {
		return nil, err
	}
	s, err := decode(path, text)
	if err != nil {
		return nil, err
	}
	s.Name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.Arrivals.File != "" {
		if err := s.loadTrace(filepath.Join(filepath.Dir(path), s.Arrivals.File), open); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func read(path string, open opener) ([]byte, error) {
	f, err := open(path)
	if err != nil {
		return nil, &Error{File: path, Problem: reason(err) + "; a file, or one of " + strings.Join(Names(), ", ")}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, &Error{File: path, Problem: reason(err)}
	case len(text) > maxFile:
		return nil, &Error{File: path, Problem: "is over a megabyte: no scenario"}
	}
	return text, nil
}

// reason is an error without the path that it names already.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
