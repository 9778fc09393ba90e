// Package procfs writes the state of ulvs as the text that ip_vs shows below
// /proc/net, byte for byte, for programs that read it there: exporters,
// monitoring plugins, scripts. It owns the text of these files and their
// replacement in a folder; it never asks for the state by itself (a Source
// has it) and keeps nothing, so calls may run concurrently.
//
// What the kernel writes was recorded; the tests of package ipvsadm replay it.
package procfs

import (
	"bufio"
	"fmt"
	"io"

	"ulvs/control/api"
)

// Source is whose state is written.
type Source interface {
	// State returns the configuration and its counters.
	State() (*api.State, error)
	// Connections calls yield for each connection until that fails.
	Connections(yield func(api.Connection) error) error
}

// file is one file below /proc/net.
type file struct {
	name  string
	size  Size
	write func(w *bufio.Writer, s Source) error
}

// Size tells files whose text grows with the configuration from those that
// grow with the traffic, which can be a million times as long.
type Size uint8

// Sizes.
const (
	Small Size = iota
	Large
)

// files are all files, in the order in which they are listed.
var files = []file{
	{"ip_vs", Small, ofState(writeTable)},
	{"ip_vs_app", Small, writeApplications},
	{"ip_vs_conn", Large, writeConnections},
	{"ip_vs_conn_sync", Large, writeOrigins},
	{"ip_vs_stats", Small, ofState(writeStats)},
	{"ip_vs_stats_percpu", Small, ofState(writeProcessors)},
}

// Names returns the names of all files.
func Names() []string { return append(NamesOf(Small), NamesOf(Large)...) }

// NamesOf returns the names of the files of one size.
func NamesOf(size Size) (names []string) {
	for _, f := range files {
		if f.size == size {
			names = append(names, f.name)
		}
	}
	return names
}

// Write writes the file called name. Its errors are those of s and w, and
// that there is no such file.
func Write(w io.Writer, name string, s Source) error {
	for _, f := range files {
		if f.name != name {
			continue
		}
		b := bufio.NewWriter(w)
		if err := f.write(b, s); err != nil {
			return err
		}
		return b.Flush()
	}
	return fmt.Errorf("%q is none of ip_vs's files: %v", name, Names())
}

// ofState makes a writer of the state one of a Source.
func ofState(write func(w io.Writer, s *api.State)) func(*bufio.Writer, Source) error {
	return func(w *bufio.Writer, s Source) error {
		state, err := s.State()
		if err == nil {
			write(w, state)
		}
		return err
	}
}
