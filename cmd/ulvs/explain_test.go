package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fences of documents: files that commands read, and commands with what they
// print.
var (
	rulesFence   = regexp.MustCompile("(?ms)^```rules (\\S+)\n(.*?)^```$")
	consoleFence = regexp.MustCompile("(?ms)^```console\n\\$ (ulvs [^\n]*)\n(.*?)^```$")
	shellWord    = regexp.MustCompile(`'([^']*)'|(\S+)`)
)

// typedWords takes a command line apart; single quotes are the only ones.
func typedWords(line string) (words []string) {
	for _, m := range shellWord.FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+m[2])
	}
	return words
}

// TestExplainDocument runs the commands of docs/explain.md and compares what
// they print; go test ./cmd/ulvs -update writes it.
func TestExplainDocument(t *testing.T) {
	path, err := filepath.Abs("../../docs/explain.md")
	if err != nil {
		t.Fatal(err)
	}
	text := contents(t, path)
	t.Chdir(t.TempDir())
	for _, m := range rulesFence.FindAllStringSubmatch(text, -1) {
		if err := os.WriteFile(m[1], []byte(m[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	commands := 0
	got := consoleFence.ReplaceAllStringFunc(text, func(block string) string {
		m := consoleFence.FindStringSubmatch(block)
		commands++
		_, stdout, stderr := typed(t, typedWords(m[1])...)
		return "```console\n$ " + m[1] + "\n" + stdout + stderr + "```"
	})
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		text = contents(t, path)
	}
	if got != text || commands < 6 {
		t.Errorf("%d commands; docs/explain.md does not say what they print: go test ./cmd/ulvs -update", commands)
	}
}

// TestExplainExit: what is wrong is said in one line, with the code for it, and
// nothing is printed.
func TestExplainExit(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rules, bad := file("rules", "-A -t 198.51.100.1:80 -s rr\n"), file("bad", "-A -t 198.51.100.1:80\n-A -t nonsense\n")
	capture := file("x.pcap", "no capture")
	const packet = "tcp 192.0.2.7:40000 > 198.51.100.1:80"
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "nothing to explain: want packets in words"},
		{[]string{"--rules", rules, "tcp x"}, exitUsage, "flow 1: want [+DELAY]"},
		{[]string{"--rules", rules, packet, "tcp 192.0.2.7 > 198.51.100.1:80"}, exitUsage, `flow 2: source "192.0.2.7": want an address and a port`},
		{[]string{"--rules", rules, "--pcap", capture, packet}, exitUsage, "--pcap or --flows and the flow"},
		{[]string{"--rules", rules, "--pcap", capture, "--flows", capture}, exitUsage, "--pcap and --flows: want one"},
		{[]string{"--rules", rules, "--flows", file("flows", "# x\n\n"+packet+"\ntcp y\n")}, exitUsage, "flows:4: want [+DELAY]"},
		{[]string{"--rules", rules, "--flows", filepath.Join(dir, "NONE")}, exitUsage, "NONE: no such file"},
		{[]string{"--rules", rules, "ipvsadm -a -t 198.51.100.9:80 -r 203.0.113.1", packet}, exitUsage, "flow 1: -a -t 198.51.100.9:80 -r 203.0.113.1: "},
		{[]string{"--rules", "-", "--pcap", "-"}, exitUsage, "standard input can be read once"},
		{[]string{"--rules", rules, "--brief", "--json", packet}, exitUsage, "--brief: want it without"},
		{[]string{"--rules", rules, "--socket", "/x", packet}, exitUsage, "--rules and --socket"},
		{[]string{"--rules", rules, "--capacity", "0", packet}, exitUsage, "capacity"},
		{[]string{"--rules", filepath.Join(dir, "NONE"), packet}, exitUsage, "NONE: no such file"},
		{[]string{"--rules", rules, "--pcap", filepath.Join(dir, "NONE")}, exitUsage, "NONE: no such file"},
		{[]string{"--rules", bad, packet}, exitInvalid, "bad:2: -A -t nonsense: "},
		{[]string{"--rules", rules, "--pcap", capture}, exitInvalid, "x.pcap: not a capture: want pcap or pcapng"},
		{[]string{"--socket", filepath.Join(dir, "NONE"), packet}, exitUnreachable, "without --rules the running daemon is asked"},
	} {
		code, stdout, stderr := typed(t, append([]string{"ulvs", "explain"}, tt.args...)...)
		if code != tt.code || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%q: code %d, %q, %d bytes printed; want %d, %q", tt.args, code, stderr, len(stdout), tt.code, tt.want)
		}
	}
}
