package main

import (
	"strings"
	"testing"

	"ulvs/explain"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"500000": 500000, "10MB": 10e6, "10 MB": 10e6, "1kB": 1000, "1KB": 1000, "3KiB": 3072, "2MiB": 2 << 20, "1GB": 1e9, "1GiB": 1 << 30, "7B": 7,
	} {
		if got, err := parseSize(text); got != want || err != nil {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "MB", "-1MB", "0", "1.5MB", "1TB", "99999999999999999999", "MB10"} {
		if n, err := parseSize(text); err == nil || !strings.Contains(err.Error(), "is not a size such as") {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
}

func TestLink(t *testing.T) {
	for _, x := range []struct {
		verdict string
		sent, i int
		want    string
	}{
		{"dropped", 0, 0, "packet 7, in: nothing is sent"},
		{"forwarded", 1, 0, "packet 7, in: sent as record 4"},
		{"forwarded", 1, 1, "packet 7, out: came as record 3"},
		{"forwarded", 3, 0, "packet 7, in: sent as records 4 to 6"},
		{"forwarded", 3, 3, "packet 7, out: came as record 3"},
		{"answered", 1, 0, "packet 7, in: answered by record 4"},
		{"answered", 1, 1, "packet 7, out: answers record 3"},
	} {
		r := &explain.Record{Number: 7, Verdict: x.verdict, Sent: make([]explain.Sent, x.sent)}
		if got := link(r, x.i, 3); got != x.want {
			t.Errorf("%+v: %q", x, got)
		}
	}
}
