package guard

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/google/nftables"

	"ulvs/internal/testns"
)

// TestPresent: a table that was flushed, or replaced by another of its name, is
// noticed, and opening a new guard puts things right.
func TestPresent(t *testing.T) {
	n := testns.New(t)
	n.Do(func() {
		g, err := Open(nil)
		if err != nil {
			t.Fatal(err)
		}
		present := func(g *Guard, want bool) {
			t.Helper()
			if got, err := g.Present(); got != want || err != nil {
				t.Errorf("present %v, %v, want %v", got, err, want)
			}
		}
		present(g, true)
		c := &nftables.Conn{}
		c.FlushRuleset()
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		present(g, false)
		if err := g.Sync(Rules{}); err == nil || !errors.Is(err, syscall.ENOENT) || strings.Contains(err.Error(), "\n") {
			t.Errorf("sync without the table: %v", err)
		}
		again, err := Open(nil)
		if err != nil {
			t.Fatal(err)
		}
		present(again, true)
		present(g, false) // not its own
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		present(again, false)
	})
}

func TestFirstOfJoinedErrors(t *testing.T) {
	a, b := errors.New("a"), errors.New("b")
	for _, err := range []error{a, errors.Join(a, b), fmt.Errorf("x: %w", errors.Join(errors.Join(a, b), b))} {
		if got := first(err); got.Error() != a.Error() || errors.Is(got, b) {
			t.Errorf("first of %q is %q", err, got)
		}
	}
	if first(nil) != nil {
		t.Error("error of nothing")
	}
}
