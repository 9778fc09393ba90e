package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// untilSignal returns a context that ends with the first of the signals. The
// next one has its usual effect: it ends a process that hangs while it stops.
func untilSignal(parent context.Context, signals ...os.Signal) (ctx context.Context, stop func()) {
	ctx, stop = signal.NotifyContext(parent, signals...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// untilHangup makes SIGHUP harmless for the daemon, whose guard must not stay
// behind. In the foreground it means that the terminal is gone, and ends the
// daemon cleanly, unless nohup(1) has it ignored; shell and kernel may both
// send one, so a second one is none of the impatient kind. In the background
// nobody means a terminal by it, but perhaps a configuration file.
func untilHangup(parent context.Context, background bool, log *slog.Logger) (ctx context.Context, stop func()) {
	switch {
	case background:
		return parent, onHangup(func() { log.Info("SIGHUP: nothing to reload; configure with ipvsadm") })
	case signal.Ignored(syscall.SIGHUP):
		return parent, func() {}
	}
	return signal.NotifyContext(parent, syscall.SIGHUP)
}

// onHangup calls f at each SIGHUP until stop is called.
func onHangup(f func()) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-hangups:
				f()
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(done)
	}
}
