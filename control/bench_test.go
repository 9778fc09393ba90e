package control

import (
	"context"
	"testing"

	"ulvs/service"
)

// BenchmarkApply is one change over the socket, without what a daemon does
// about it.
func BenchmarkApply(b *testing.B) {
	path := b.TempDir() + "/d.sock"
	l, err := Listen(path)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, newFakeBackend()) }()
	c := NewClient(path)
	for b.Loop() {
		if err := c.Apply(ctx, service.Change{Op: service.Flush}); err != nil {
			b.Fatal(err)
		}
	}
	c.Close()
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}
