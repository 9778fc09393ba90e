package api

import (
	"errors"
	"fmt"

	"ulvs/sched"
	"ulvs/service"
	"ulvs/sysctl"
)

// Code names a kind of failure across the socket. Clients decide by it; the
// message beside it is for people.
type Code string

// The codes. Those up to Invalid answer a Change as the kernel would.
const (
	ServiceExists Code = "service-exists"
	NoService     Code = "no-service"
	ServerExists  Code = "server-exists"
	NoServer      Code = "no-server"
	NoScheduler   Code = "no-scheduler" // unknown scheduler or persistence engine
	OutOfRange    Code = "out-of-range" // a number, such as lower above upper threshold
	Invalid       Code = "invalid"      // address not unicast and the like
	Conflict      Code = "conflict"     // changed by somebody else meanwhile
	Unsupported   Code = "unsupported"  // known to ipvsadm, not (yet) to this daemon
	BadRequest    Code = "bad-request"  // not an API request at all
	Forbidden     Code = "forbidden"    // the peer may not use the socket
	Unreachable   Code = "unreachable"  // no daemon answers; made by the client
	Internal      Code = "internal"     // everything else
)

// Error is a failure with its code.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// Error returns the message.
func (e *Error) Error() string {
	if e.Message == "" {
		return string(e.Code)
	}
	return e.Message
}

// Is makes errors.Is(err, &Error{Code: c}) compare codes alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Errorf makes an Error of a code and a formatted message.
func Errorf(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code within err: that of an Error in its chain, that of
// a known error of package service, else Internal. It is "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return knownCode(err)
}

// From turns any error into one that can cross the socket; nil stays nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	return &Error{Code: CodeOf(err), Message: err.Error()}
}

// knownCodes pairs the errors of packages service, sched and sysctl with codes, the
// special before the general.
var knownCodes = []struct {
	err  error
	code Code
}{
	{service.ErrServiceExists, ServiceExists},
	{service.ErrNoService, NoService},
	{service.ErrServerExists, ServerExists},
	{service.ErrNoServer, NoServer},
	{service.ErrNoEngine, NoScheduler},
	{sched.ErrUnknown, NoScheduler},
	{sched.ErrFlag, Invalid},
	{service.ErrThreshold, OutOfRange},
	{service.ErrInvalid, Invalid},
	{sysctl.ErrUnknown, Invalid},
	{sysctl.ErrValue, OutOfRange},
	{sysctl.ErrNotApplicable, Unsupported},
}

func knownCode(err error) Code {
	for _, c := range knownCodes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return Internal
}
