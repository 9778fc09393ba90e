package lesson

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ulvs/lab"
)

// Options are what a lesson is asked for.
type Options struct {
	Name     string
	Auto     bool      // does not stop, and does the exercise itself
	Markdown bool      // writes a page of the book
	Out      io.Writer // os.Stdout
	Binary   string    // the ulvs to run; our own executable if empty
}

// errWrong is a lesson that did not go as it says.
var errWrong = errors.New("not everything was as predicted")

// Run plays a lesson. The program is started once more in a sandbox for it, as
// lab.Sandboxed says, with the same arguments; code is then what that has
// ended with, and the caller is to end likewise.
//
// The error is a *lab.UsageError for a lesson that there is not.
func Run(ctx context.Context, o Options) (code int, err error) {
	l, err := Find(o.Name)
	if err != nil {
		return 0, err
	}
	inside, code, err := lab.Sandboxed(ctx)
	if err != nil || !inside {
		return code, err
	}
	signal.Ignore(syscall.SIGTSTP) // whoever started us would not see that we stopped
	return 0, play(ctx, l, o)
}

// play builds the lab, plays the lesson and takes everything away.
func play(ctx context.Context, l *Lesson, o Options) error {
	l.Network.Binary = o.Binary
	network, err := lab.Build(l.Network)
	if err != nil {
		return err
	}
	s := &Stage{Lab: network, ctx: ctx, lesson: l, page: newPage(o), port: firstPort}
	if !o.Auto {
		s.reader = &reader{in: os.Stdin}
	}
	err = s.prepare()
	if err == nil {
		err = s.lecture(o.Auto)
	}
	return errors.Join(err, s.close())
}

func newPage(o Options) page {
	if o.Markdown {
		return &markdown{w: o.Out}
	}
	return &terminal{w: o.Out, colour: os.Getenv("NO_COLOR") == "" && isTerminal(o.Out)}
}

// isTerminal reports whether w is one.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func (s *Stage) prepare() (err error) {
	if s.shells, err = newShells(s.Lab); err != nil {
		return err
	}
	s.tap, err = s.Lab.Tap()
	return err
}

// lecture is the lesson and its exercise.
func (s *Stage) lecture(auto bool) error {
	s.page.head(s.lesson, s.Hosts())
	if err := s.perform(s.lesson.Play); err != nil {
		return fmt.Errorf("lesson %s: %w", s.lesson.Name, s.reason(err))
	}
	s.page.task(&s.lesson.Exercise)
	solve := s.exercise
	if auto {
		solve = s.solve
	}
	if err := solve(); err != nil {
		return fmt.Errorf("lesson %s: exercise: %w", s.lesson.Name, s.reason(err))
	}
	s.page.foot(s.count, s.wrong)
	if s.wrong > 0 {
		return fmt.Errorf("lesson %s: %w", s.lesson.Name, errWrong)
	}
	return nil
}

// reason is err, or that the reader has had enough, whatever followed from it.
func (s *Stage) reason(err error) error {
	if s.ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}

// solve does the exercise as it may be done.
func (s *Stage) solve() error {
	s.marking = true
	return s.perform(func(s *Stage) {
		for _, line := range s.lesson.Exercise.Solution {
			s.Run(s.lesson.Exercise.Host, line)
		}
		s.lesson.Exercise.Mark(s)
	})
}

// exercise leaves it to the reader, who may try again.
func (s *Stage) exercise() error {
	e := &s.lesson.Exercise
	s.marking = true
	fmt.Printf("A shell on %s follows; a host's name before a command runs it there (rs1 ip addr). Leave it by exit or Ctrl-D.\n", e.Host)
	for {
		if err := s.shells.interact(s.ctx, s.Host(e.Host)); err != nil {
			return err
		}
		count, wrong := s.count, s.wrong
		err := s.perform(e.Mark)
		if err != nil && s.ctx.Err() == nil { // what was to be marked did not work at all
			s.Mark(false, "%v", err)
			s.err, s.open = nil, 0
		}
		if s.wrong == wrong || s.ctx.Err() != nil || !s.reader.again(s.ctx) {
			return s.ctx.Err()
		}
		s.count, s.wrong = count, wrong
	}
}

// close takes everything away, also a daemon that ipvsadm has started.
func (s *Stage) close() error {
	var errs []error
	if s.tap != nil {
		errs = append(errs, s.tap.Close())
	}
	if s.shells != nil {
		s.shells.close()
	}
	if s.process == nil {
		s.endDaemon()
	}
	return errors.Join(append(errs, s.Lab.Close())...)
}

// endDaemon ends the director's daemon if there is one that the lab does not
// know of.
func (s *Stage) endDaemon() {
	s.err = nil
	_ = s.perform(func(s *Stage) {
		s.ctx = context.Background()
		info, err := s.control().Info(s.ctx)
		s.must(err)
		_ = syscall.Kill(info.PID, syscall.SIGTERM)
		for end := time.Now().Add(patience); err == nil && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
			_, err = s.control().Info(s.ctx)
		}
	})
}
