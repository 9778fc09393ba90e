package service

import (
	"errors"
	"fmt"
)

// Errors of a change that does not fit the table. Test for them with
// errors.Is; the text names the service or server as well.
var (
	ErrServiceExists = errors.New("service exists already")
	ErrNoService     = errors.New("no such service")
	ErrServerExists  = errors.New("real server exists already")
	ErrNoServer      = errors.New("no such real server")
	ErrNoMark        = errors.New("no such mark rule")
)

// Kinds of invalid value that a caller tells apart; every invalid value is
// also ErrInvalid.
var (
	ErrInvalid    = errors.New("invalid value")
	ErrZeroPort   = kind("zero port for a service without persistence")
	ErrOnePacket  = kind("one-packet scheduling for a protocol other than UDP")
	ErrNoEngine   = kind("no such persistence engine")
	ErrNotUnicast = kind("address is not unicast")
	ErrFamily     = kind("address families differ without a tunnel")
	ErrThreshold  = kind("lower threshold above the upper one")
	ErrTunnel     = kind("tunnel options do not fit")
)

// kind makes an error that wraps ErrInvalid without repeating its text.
func kind(text string) error { return &invalidKind{text} }

type invalidKind struct{ text string }

func (e *invalidKind) Error() string { return e.text }
func (e *invalidKind) Unwrap() error { return ErrInvalid }

// A ValueError says which argument of a service or real server is wrong and
// what would be accepted. It wraps ErrInvalid.
type ValueError struct {
	Arg      string // "weight", "persistence timeout", ...
	Value    string // as given
	Accepted string // what is
	kind     error
}

// Error returns one line: argument, value, and what is accepted.
func (e *ValueError) Error() string {
	return fmt.Sprintf("%s %q: accepted: %s", e.Arg, e.Value, e.Accepted)
}

// Unwrap returns the kind of error: one of the variables above.
func (e *ValueError) Unwrap() error { return e.kind }

func invalid(arg string, value any, accepted string) error {
	return invalidAs(ErrInvalid, arg, value, accepted)
}

func invalidAs(kind error, arg string, value any, accepted string) error {
	return &ValueError{Arg: arg, Value: fmt.Sprint(value), Accepted: accepted, kind: kind}
}
