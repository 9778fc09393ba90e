package ipvsadm

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"ulvs/control/api"
	"ulvs/service"
)

// restore does the command lines of standard input, until one has a mistake
// that ipvsadm ends at. Its error is that of the last line done.
func (s *session) restore() error {
	if s.restoring { // -R within -R
		return tryHelp(s.program)
	}
	s.restoring = true
	defer func() { s.restoring = false }()
	r := &restorer{session: s, in: bufio.NewReaderSize(s.stdin, 64<<10)}
	for {
		text, err := r.in.ReadString('\n')
		end := r.take(splitLine(text))
		if err != nil || !r.moreWaits() {
			end = end || r.flush()
		}
		switch {
		case end:
			return &ExitError{Code: r.code}
		case errors.Is(err, io.EOF):
			return restored(r.code)
		case err != nil:
			return &ExitError{Text: "read rules: " + err.Error(), Code: 255}
		}
	}
}

// restorer is a restore under way. Changes that follow one another are made
// together, as far as the lines are there already: what is typed or comes
// slowly is done line by line. What is said about them is in order all the same.
type restorer struct {
	*session
	in      *bufio.Reader
	pending []service.Change
	words   []Command // what each of pending was asked by
	code    int       // of the last line done
}

// moreWaits reports whether there is another line to read at once.
func (r *restorer) moreWaits() bool {
	read, _ := r.in.Peek(r.in.Buffered())
	return bytes.IndexByte(read, '\n') >= 0
}

// take does a line or keeps it for flush. It reports whether the restore ends.
func (r *restorer) take(args []string) (end bool) {
	if len(args) == 0 {
		return false
	}
	req, err := Parse(r.program, args, r.env)
	if err == nil {
		if c, ok := req.Change(); ok {
			r.pending, r.words = append(r.pending, c), append(r.words, req.Command)
			return false
		}
	}
	if r.flush() {
		return true
	}
	if err == nil {
		err = r.perform(req)
	}
	r.code, end = r.report(err)
	return end
}

// flush makes the changes that are pending. It reports whether the restore ends.
func (r *restorer) flush() (end bool) {
	for i, err := range r.applyAll(r.pending) {
		if r.code, end = r.report(answered(r.words[i], err)); end {
			break
		}
	}
	r.pending, r.words = r.pending[:0], r.words[:0]
	return end
}

// applyAll makes changes at once if the Env can, else one by one until there
// is nobody to ask.
func (r *restorer) applyAll(changes []service.Change) (errs []error) {
	if b, can := r.env.(Batcher); can && len(changes) > 1 {
		return b.ApplyAll(changes)
	}
	for _, c := range changes {
		err := r.env.Apply(c)
		errs = append(errs, err)
		if code := api.CodeOf(err); code == api.Unreachable || code == api.Forbidden {
			break
		}
	}
	return errs
}

// restored is the end of a restore whose last line ended with code; the texts
// have been written already.
func restored(code int) error {
	if code == 0 {
		return nil
	}
	return &ExitError{Code: code}
}

// splitLine takes a line of rules apart at white space. There is no quoting.
// The line may begin with the word ipvsadm, as in a shell script.
func splitLine(line string) []string {
	args := strings.Fields(line)
	for len(args) > 0 && args[0] == "ipvsadm" {
		args = args[1:]
	}
	return args
}

// restoreScript is ipvsadm-restore: it clears the table, then does the lines
// of standard input that do not begin with #.
func (s *session) restoreScript() int {
	s.program = strings.TrimSuffix(s.program, restoreFace) + "ipvsadm"
	rules, err := io.ReadAll(s.stdin)
	if err != nil {
		_, _ = io.WriteString(s.stderr, "read rules: "+err.Error()+"\n")
		return 1
	}
	var kept strings.Builder
	for line := range strings.Lines(string(rules)) {
		if !strings.HasPrefix(line, "#") {
			kept.WriteString(line)
		}
	}
	s.main([]string{"-C"})
	s.stdin = strings.NewReader(kept.String())
	return s.main([]string{"-R"})
}
