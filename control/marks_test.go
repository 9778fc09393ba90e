package control

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"ulvs/control/api"
	"ulvs/service"
)

// TestEditMarks: edits from many clients at a time all take effect, one after
// the other.
func TestEditMarks(t *testing.T) {
	b := newFakeBackend()
	socket := serve(t, b)
	var all sync.WaitGroup
	for i := range uint32(8) {
		all.Go(func() {
			e, err := NewEnv(t.Context(), StartOptions{Socket: socket})
			if err != nil {
				t.Error(err)
				return
			}
			defer e.Close()
			if err := e.EditMarks(func(rules []service.MarkRule) ([]service.MarkRule, error) {
				return append(rules, service.MarkRule{Mark: i + 1}), nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var got []uint32
	for _, r := range b.Marks() {
		got = append(got, r.Mark)
	}
	slices.Sort(got)
	if fmt.Sprint(got) != "[1 2 3 4 5 6 7 8]" {
		t.Errorf("marks %v", got)
	}
}

// TestSetMarks: the rules travel unchanged; what is wrong, or of yesterday, is
// refused with its code and changes nothing.
func TestSetMarks(t *testing.T) {
	b := newFakeBackend()
	c := client(t, b)
	rule := service.MarkRule{Protocol: service.TCP, DestinationPorts: service.PortRange{First: 80, Last: 90}, Interface: "eth0", Mark: 1 << 31}
	none := []service.MarkRule{}
	if err := c.SetMarks(t.Context(), api.SetMarks{Rules: []service.MarkRule{rule}, Was: &none}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetMarks(t.Context(), api.SetMarks{Was: &none}); api.CodeOf(err) != api.Conflict {
		t.Errorf("with old rules: %v", err)
	}
	if err := c.SetMarks(t.Context(), api.SetMarks{Rules: []service.MarkRule{{Interface: "a b"}}}); api.CodeOf(err) != api.Invalid {
		t.Errorf("with a wrong rule: %v", err)
	}
	got, err := c.Marks(t.Context())
	if err != nil || !slices.Equal(got, []service.MarkRule{rule}) {
		t.Errorf("rules %v, %v", got, err)
	}
	failure := errors.New("as an edit fails")
	e, err := NewEnv(t.Context(), StartOptions{Socket: c.Path()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.EditMarks(func([]service.MarkRule) ([]service.MarkRule, error) { return nil, failure }); !errors.Is(err, failure) {
		t.Errorf("edit: %v", err)
	}
	if err := e.EditMarks(func([]service.MarkRule) ([]service.MarkRule, error) { return nil, nil }); err != nil || len(b.Marks()) != 0 {
		t.Errorf("edit to nothing: %v, %v", err, b.Marks())
	}
}
