package control

import (
	"context"
	"errors"
	"testing"

	"ulvs/control/api"
)

func TestTrace(t *testing.T) {
	c := client(t, newFakeBackend())
	var lines []api.TraceLine
	err := c.Trace(context.Background(), api.TraceRequest{Filter: "tcp", Packets: 3}, func(l api.TraceLine) error {
		lines = append(lines, l)
		return nil
	})
	if err != nil || len(lines) != 5 || lines[0].Started == nil || lines[0].Started.Rate != 7 || lines[4].Ended == nil {
		t.Fatalf("%v, %d lines: %+v", err, len(lines), lines)
	}
	for i, l := range lines[1:4] {
		if l.Packet == nil || l.Packet.Lost != uint64(i) || string(l.Packet.Record) != `{"number":1}` {
			t.Errorf("packet %d: %+v", i, l.Packet)
		}
	}
}

func TestTraceRefused(t *testing.T) {
	c := client(t, newFakeBackend())
	err := c.Trace(context.Background(), api.TraceRequest{Rate: -1}, func(api.TraceLine) error {
		t.Error("a line of a trace that is refused")
		return nil
	})
	if api.CodeOf(err) != api.OutOfRange || err.Error() != "a negative rate" {
		t.Errorf("%v, code %q", err, api.CodeOf(err))
	}
}

// TestTraceLeft: the daemon hears of it when the client leaves.
func TestTraceLeft(t *testing.T) {
	b := newFakeBackend()
	c := client(t, b)
	ctx, leave := context.WithCancel(context.Background())
	err := c.Trace(ctx, api.TraceRequest{}, func(api.TraceLine) error {
		leave()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a client that leaves is told %v", err)
	}
	<-b.untraced
}

// TestTraceStops: a daemon that stops does not wait for its traces.
func TestTraceStops(t *testing.T) {
	b := newFakeBackend()

	began := make(chan struct{})
	told := make(chan error, 1)
	t.Run("serve", func(t *testing.T) {
		path := serve(t, b) // until the end of this test
		c := NewClient(path)
		t.Cleanup(c.Close)
		go func() {
			told <- c.Trace(context.Background(), api.TraceRequest{}, func(api.TraceLine) error {
				close(began)
				return nil
			})
		}()
		<-began
	})
	if err := <-told; api.CodeOf(err) != api.Unreachable {
		t.Errorf("the client is told %v", err)
	}
	<-b.untraced
}
