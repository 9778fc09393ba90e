package bench

import (
	"context"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// TestFirstAnswersLost: a measurement too short for an answer goes on until there is
// one, and what was lost until then is counted.
func TestFirstAnswersLost(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	wait := unix.NsecToTimeval(int64(5 * time.Millisecond))
	if err := unix.SetsockoptTimeval(fds[0], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		t.Fatal(err)
	}
	const unanswered = 20 // longer than warm-up and measurement together
	done := make(chan struct{})
	go func() {
		defer close(done)
		var b [pingSize]byte
		for i := 0; ; i++ {
			if n, err := unix.Read(fds[1], b[:]); err != nil || n == 0 {
				return
			}
			if i >= unanswered {
				_, _ = unix.Write(fds[1], b[:])
			}
		}
	}()
	p := &pinger{fd: fds[0], pin: func() error { return nil }, hist: hdrhistogram.New(1, int64(time.Second), 3)}
	s, err := p.run(context.Background(), 10*time.Millisecond, 20*time.Millisecond, 0)
	if err != nil || s[metricLost.Unit] == 0 || s[metricP50.Unit] == 0 {
		t.Errorf("%v, %v", s, err)
	}
	_ = unix.Shutdown(fds[1], unix.SHUT_RDWR)
	_ = unix.Close(fds[0])
	<-done
	_ = unix.Close(fds[1])
}
