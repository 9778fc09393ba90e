package procfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Replace writes the files named into dir, which must be there. Each is
// written beside its place and then renamed, so that a reader finds the whole
// of the old or the whole of the new one.
func Replace(dir string, names []string, s Source) error {
	for _, name := range names {
		if err := replace(dir, name, s); err != nil {
			return fmt.Errorf("write %s: %w", filepath.Join(dir, name), cause(err))
		}
	}
	return nil
}

// cause is err without the name of the file for the time being, which is
// another one each time.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func replace(dir, name string, s Source) error {
	f, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return err
	}
	err = errors.Join(Write(f, name, s), f.Chmod(0o444), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// Remove removes the files named from dir, as far as they are there.
func Remove(dir string, names []string) error {
	var failures []error
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}
