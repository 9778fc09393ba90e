package ipvsadm

import (
	"errors"
	"fmt"
	"io/fs"

	"ulvs/control/api"
)

// ExitError ends a command with a text on standard error and an exit code.
type ExitError struct {
	Text string // one or more lines without the last newline; may be empty
	Code int
	// LineOnly errors end the line of a restore; others end the restore.
	LineOnly bool
}

// Error returns the text.
func (e *ExitError) Error() string { return e.Text }

// usage is a mistake in the command line found by ipvsadm itself.
func usage(format string, args ...any) error {
	return &ExitError{Text: fmt.Sprintf(format, args...), Code: 2}
}

// tryHelp answers a line that starts with no command.
func tryHelp(program string) error {
	return &ExitError{
		Text: fmt.Sprintf("Try `%s -h' or '%s --help' for more information.", program, program),
		Code: 255,
	}
}

// messages are the texts for the answers to a change, libipvs' words for the
// kernel's errors.
var messages = map[api.Code]string{
	api.ServiceExists: "Service already exists",
	api.NoService:     "No such service",
	api.ServerExists:  "Destination already exists",
	api.NoServer:      "No such destination",
	api.NoScheduler:   "Scheduler or persistence engine not found",
	api.OutOfRange:    "Numerical result out of range",
	api.Invalid:       "Invalid operation.  Possibly wrong module version, address not unicast, ...",
}

// notRoot is what ipvsadm says when the kernel refuses it the socket.
const notRoot = "Can't initialize ipvs: Permission denied (you must be root)\n" +
	"Are you sure that IP Virtual Server is built in the kernel or as module?"

// answered words the Env's answer to cmd.
func answered(cmd Command, err error) error {
	if err == nil {
		return nil
	}
	code := api.CodeOf(err)
	switch {
	case code == api.Forbidden || errors.Is(err, fs.ErrPermission):
		return &ExitError{Text: notRoot, Code: 2}
	case code == api.Unreachable:
		return &ExitError{Text: "Can't initialize ipvs: " + err.Error(), Code: 2}
	case code == api.NoService && (cmd == AddServer || cmd == EditServer || cmd == DeleteServer):
		return &ExitError{Text: "Service not defined", Code: 255, LineOnly: true}
	case code == api.NoService && cmd == List:
		return &ExitError{Text: messages[code], Code: 1}
	case messages[code] != "":
		return &ExitError{Text: messages[code], Code: 255, LineOnly: true}
	}
	return &ExitError{Text: err.Error(), Code: 255, LineOnly: true}
}
