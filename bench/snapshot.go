package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
)

// snapshot is what a run must leave as it was: the links and nftables tables of
// the namespace it is started in; and that it has no children and no folders.
type snapshot struct {
	links, tables []string
}

// takeSnapshot notes what there is.
func takeSnapshot() (*snapshot, error) {
	s := &snapshot{}
	links, err := netlink.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, fmt.Errorf("list links: %w", err)
	}
	for _, l := range links {
		s.links = append(s.links, l.Attrs().Name)
	}
	tables, err := (&nftables.Conn{}).ListTables()
	if err != nil {
		return nil, fmt.Errorf("list nftables tables: %w", err)
	}
	for _, t := range tables {
		s.tables = append(s.tables, t.Name)
	}
	return s, nil
}

// goneWithin is how long what is not ours may take to go: another program may
// have made it meanwhile, as a test does.
const goneWithin = 5 * time.Second

// leftOver returns an error that names what has come since and does not go.
func (s *snapshot) leftOver() error {
	for deadline := time.Now().Add(goneWithin); ; time.Sleep(10 * lookEvery) {
		if err := s.found(); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// found returns an error that names what has come since. A namespace of a
// topology lives by its processes and descriptors only, so that without any,
// none is left.
func (s *snapshot) found() error {
	now, err := takeSnapshot()
	if err != nil {
		return err
	}
	var errs []error
	for _, kind := range []struct {
		what        string
		before, now []string
	}{{"link", s.links, now.links}, {"nftables table", s.tables, now.tables}, {"process", nil, children()},
		{"namespace", nil, ownNamespaces()}} {
		for _, name := range kind.now {
			if !slices.Contains(kind.before, name) {
				errs = append(errs, fmt.Errorf("%s %s is left over", kind.what, name))
			}
		}
	}
	return errors.Join(errs...)
}

// children are our processes, ended ones that nobody waited for too.
func children() (names []string) {
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, file := range files {
		text, _ := os.ReadFile(file) // of a thread that may have ended
		for _, pid := range strings.Fields(string(text)) {
			comm, _ := os.ReadFile("/proc/" + pid + "/comm")
			names = append(names, pid+" "+strings.TrimSpace(string(comm)))
		}
	}
	return names
}

// ownNamespaces are the network namespaces that we hold open beside our own.
func ownNamespaces() (names []string) {
	home, _ := os.Readlink("/proc/self/ns/net")
	files, _ := os.ReadDir("/proc/self/fd")
	for _, f := range files {
		to, _ := os.Readlink("/proc/self/fd/" + f.Name())
		if _, err := strconv.Atoi(f.Name()); err == nil && strings.HasPrefix(to, "net:[") && to != home {
			names = append(names, to)
		}
	}
	return names
}
