package main

import (
	"io"
	"os"
)

// readInput reads a file that a flag names, standard input if it is called "-".
// That there is none is a wrong flag.
func readInput(path string) (text []byte, err error) {
	if path == "-" {
		return io.ReadAll(os.Stdin)
	}
	if text, err = os.ReadFile(path); err != nil {
		return nil, usageError{err}
	}
	return text, nil
}
