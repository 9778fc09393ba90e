package main

import (
	"os"

	"github.com/charmbracelet/x/term"
)

// isTerminal reports whether f is a terminal that can do more than print lines.
func isTerminal(f *os.File) bool {
	return term.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb"
}

// coloured reports whether what is printed to f shall have colours
// (https://no-color.org).
func coloured(f *os.File) bool { return isTerminal(f) && os.Getenv("NO_COLOR") == "" }
