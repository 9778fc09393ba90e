package ipvsadm

import (
	_ "embed"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"ulvs/control/api"
)

//go:embed usage.txt
var usageText string

// Faces that a command can have by the name it is called by.
const (
	saveFace    = "ipvsadm-save"
	restoreFace = "ipvsadm-restore"
)

// IsFace reports whether a program called argv0 is to be ipvsadm or one of
// its two companions.
func IsFace(argv0 string) bool {
	switch filepath.Base(argv0) {
	case "ipvsadm", saveFace, restoreFace:
		return true
	}
	return false
}

// Run does what the program called argv0 does with the arguments args, and
// returns its exit code: that of ipvsadm, ipvsadm-save or ipvsadm-restore.
func Run(env Env, argv0 string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := &session{env: env, program: argv0, stdin: stdin, stdout: stdout, stderr: stderr}
	switch filepath.Base(argv0) {
	case saveFace:
		return s.saveScript(args)
	case restoreFace:
		return s.restoreScript()
	}
	return s.main(args)
}

// session is one run of the program.
type session struct {
	env            Env
	program        string
	stdin          io.Reader
	stdout, stderr io.Writer
	restoring      bool // the lines come from standard input
}

// main does one command line and returns the exit code.
func (s *session) main(args []string) int {
	code, _ := s.line(args)
	return code
}

// line does one command line. It returns the exit code, and whether a restore
// that this line is of ends here.
func (s *session) line(args []string) (code int, end bool) {
	return s.report(s.do(args))
}

// report writes what there is to say about the end of a command line, and
// returns what line does.
func (s *session) report(err error) (code int, end bool) {
	if err == nil {
		return 0, false
	}
	e := &ExitError{Text: err.Error(), Code: 255}
	errors.As(err, &e)
	if e.Text != "" {
		_, _ = io.WriteString(s.stderr, e.Text+"\n")
	}
	return e.Code, !e.LineOnly
}

// do parses a command line and carries it out.
func (s *session) do(args []string) error {
	if len(args) == 0 {
		return s.list(&Request{Command: List})
	}
	req, err := Parse(s.program, args, s.env)
	if err != nil {
		return err
	}
	return s.perform(req)
}

// perform carries out a request.
func (s *session) perform(req *Request) error {
	switch req.Command {
	case Help, Version:
		return s.help(req.Command)
	case Restore:
		return s.restore()
	case List:
		return s.list(req)
	case Save:
		return s.save(req)
	case StartDaemon:
		return &ExitError{Text: "ulvs has no connection synchronisation: --start-daemon does nothing", Code: 255, LineOnly: true}
	case StopDaemon:
		return &ExitError{Text: "No daemon is running", Code: 255, LineOnly: true}
	}
	return answered(req.Command, s.change(req))
}

// help writes the version and usage; a restore ends with it.
func (s *session) help(cmd Command) error {
	text := version
	if cmd == Help {
		text += usageText
	}
	_, _ = io.WriteString(s.stdout, text)
	return &ExitError{Code: 0}
}

// change asks the Env for what changes something.
func (s *session) change(req *Request) error {
	switch req.Command {
	case Set:
		return s.env.SetTimeouts(req.Timeouts)
	case Zero:
		if req.HasService {
			return s.env.Zero(&req.Service.Key)
		}
		return s.env.Zero(nil)
	}
	c, _ := req.Change()
	return s.env.Apply(c)
}

// list writes the listing that was asked for.
func (s *session) list(req *Request) error {
	p := newPrinter(s.stdout, s.env, req.Format)
	defer p.Flush()
	switch f := &req.Format; {
	case f.Connections:
		return s.connections(p)
	case f.Timeouts:
		return s.timeouts(p)
	case f.Daemon:
		return nil // none runs, ever
	}
	state, err := s.env.State()
	if err != nil {
		return answered(List, err)
	}
	if !req.HasService {
		p.table(state)
	} else if !p.one(state, req.Service.Key) {
		return answered(List, &api.Error{Code: api.NoService})
	}
	return nil
}

func (s *session) connections(p *printer) error {
	started := false
	head := func() {
		if !started {
			p.connectionHeader()
		}
		started = true
	}
	err := s.env.Connections(func(c api.Connection) error {
		head()
		p.connection(&c)
		return nil
	})
	if err == nil {
		head()
	}
	return answered(List, err)
}

func (s *session) timeouts(p *printer) error {
	t, err := s.env.Timeouts()
	if err != nil {
		return answered(List, err)
	}
	p.printf("Timeout (tcp tcpfin udp): %d %d %d\n", seconds(t.TCP), seconds(t.TCPFin), seconds(t.UDP))
	return nil
}

// save writes the table as commands.
func (s *session) save(req *Request) error {
	state, err := s.env.State()
	if err != nil {
		return answered(Save, err)
	}
	p := newPrinter(s.stdout, s.env, req.Format)
	defer p.Flush()
	p.save(state)
	return nil
}

// saveScript is ipvsadm-save [-n].
func (s *session) saveScript(args []string) int {
	line := []string{"-S"}
	for _, a := range args {
		switch {
		case a == "-n":
			line = []string{"-S", "-n"}
		case strings.HasPrefix(a, "-"):
			_, _ = io.WriteString(s.stderr, filepath.Base(s.program)+": Script to save the IPVS table to stdout.\n"+
				"   With the -n option, prints out the table in numeric format.\n")
			return 1
		}
	}
	return s.main(line)
}
