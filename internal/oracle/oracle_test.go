package oracle

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func packed(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text)) // a Buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

func TestLines(t *testing.T) {
	fsys := fstest.MapFS{
		"a/plain.jsonl":     {Data: []byte("one\ntwo\n")},
		"a/packed.jsonl.gz": {Data: packed("one\ntwo")},
		"a/none.jsonl":      {},
		"a/torn.jsonl.gz":   {Data: packed(strings.Repeat("one\n", 100))[:20]},
		"a/false.jsonl.gz":  {Data: []byte("not a gzip file\n")},
		"a/long.jsonl":      {Data: bytes.Repeat([]byte("x"), maxLine+1)},
	}
	for _, c := range []struct {
		name, want, problem string
	}{
		{"a/plain.jsonl", "one two", ""},
		{"a/packed.jsonl.gz", "one two", ""},
		{"a/none.jsonl", "", ""},
		{"a/torn.jsonl.gz", "", "a/torn.jsonl.gz: unexpected EOF"},
		{"a/false.jsonl.gz", "", "a/false.jsonl.gz: gzip: invalid header"},
		{"a/long.jsonl", "", "a/long.jsonl: bufio.Scanner: token too long"},
	} {
		var got []string
		err := Lines(fsys, c.name, func(line []byte) error { got = append(got, string(line)); return nil })
		if (err == nil) != (c.problem == "") || err != nil && err.Error() != c.problem {
			t.Errorf("%s: error %v, want %q", c.name, err, c.problem)
		}
		if c.problem == "" && strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if err := Lines(fsys, "a/other.jsonl", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestLinesStop(t *testing.T) {
	stop := errors.New("no step")
	fsys := fstest.MapFS{"x.jsonl": {Data: []byte("one\ntwo\nthree\n")}}
	n := 0
	err := Lines(fsys, "x.jsonl", func([]byte) error {
		if n++; n == 2 {
			return stop
		}
		return nil
	})
	if n != 2 || !errors.Is(err, stop) || err.Error() != "x.jsonl: line 2: no step" {
		t.Errorf("stopped after %d lines with %v, want 2 and the line named", n, err)
	}
}

func TestIsRecording(t *testing.T) {
	for name, want := range map[string]bool{"x.jsonl": true, "a/x.jsonl.gz": true, "README.md": false, "x.gz": false, "x.json": false} {
		if got := IsRecording(name); got != want {
			t.Errorf("IsRecording(%q) = %v", name, got)
		}
	}
}
