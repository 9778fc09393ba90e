package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ulvs/ipvsadm"
)

var update = flag.Bool("update", false, "write docs/commands.md")

// TestCommandsDocument compares docs/commands.md with the commands; go test
// ./cmd/ulvs -update writes it.
func TestCommandsDocument(t *testing.T) {
	const path, mark = "../../docs/commands.md", "<!-- from here on written by go test ./cmd/ulvs -update -->\n"
	head, _, found := strings.Cut(contents(t, path), mark)
	if !found {
		t.Fatalf("%s: no line %q", path, mark)
	}
	want := head + mark + reference()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if contents(t, path) != want {
		t.Errorf("%s is not what the commands say: go test ./cmd/ulvs -update", path)
	}
}

// reference lists every command with its flags.
func reference() string {
	var b strings.Builder
	for _, c := range commands(rootCommand())[1:] {
		use := c.UseLine()
		if c.HasSubCommands() && c.Use == c.Name() {
			use = c.CommandPath() + " COMMAND"
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n    %s\n", c.CommandPath(), c.Short, use)
		flags := c.NonInheritedFlags()
		flags.Lookup("help").Hidden = true // every command has it
		if flags.HasAvailableFlags() {
			b.WriteByte('\n')
			for line := range strings.Lines(flags.FlagUsages()) {
				fmt.Fprintf(&b, "    %s", strings.TrimPrefix(line, "  "))
			}
		}
	}
	return b.String()
}

// documents are the texts that tell people what to type, by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"README.md": contents(t, "../../README.md")}
	if err := filepath.WalkDir("../../docs", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			all[strings.TrimPrefix(path, "../../")] = contents(t, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

var (
	span   = regexp.MustCompile("`([^`]+)`")
	typing = regexp.MustCompile(`(?:^|[ /])ulvs ([a-z-][^|>#;&]*)`)
)

// code returns what is set as code in a document: spans, and indented lines
// without their comments. Between fences stands what programs print.
func code(text string) (all []string) {
	fenced := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case fenced:
		case strings.HasPrefix(line, "    "):
			line, _, _ = strings.Cut(line, "#")
			all = append(all, strings.TrimSpace(line))
		default:
			for _, m := range span.FindAllStringSubmatch(line, -1) {
				all = append(all, m[1])
			}
		}
	}
	return all
}

// TestDocumentsType: every command line in the documents names a command that
// exists, with flags that it has.
func TestDocumentsType(t *testing.T) {
	lines := 0
	for path, text := range documents(t) {
		if path == "docs/commands.md" {
			continue
		}
		for _, snippet := range code(text) {
			for _, m := range typing.FindAllStringSubmatch(snippet, -1) {
				lines++
				if problem := checkLine(strings.Fields(m[1])); problem != "" {
					t.Errorf("%s: %q: %s", path, snippet, problem)
				}
			}
		}
	}
	if lines < 40 {
		t.Errorf("only %d command lines found", lines)
	}
}

// checkLine says what is wrong with the words behind ulvs.
func checkLine(words []string) string {
	root := rootCommand()
	if ipvsadm.IsFace(words[0]) {
		return ""
	}
	c, rest, err := root.Find(words)
	switch {
	case err != nil:
		return err.Error()
	case c == root && words[0][0] != '-':
		return "no such command"
	case c.HasSubCommands() && len(rest) > 0 && rest[0][0] != '-':
		if err := c.ValidateArgs(rest[:1]); err != nil {
			return err.Error()
		}
	case c.DisableFlagParsing:
		return ""
	}
	c.InitDefaultHelpFlag()
	c.InitDefaultVersionFlag()
	for _, w := range rest {
		name, _, _ := strings.Cut(strings.Trim(w, "[]"), "=")
		if strings.HasPrefix(name, "-") && !hasFlag(c, name) {
			return "no flag " + name
		}
	}
	return ""
}

// hasFlag reports whether a command has the flag -x or --name.
func hasFlag(c *cobra.Command, name string) bool {
	for _, set := range []*pflag.FlagSet{c.Flags(), c.InheritedFlags()} {
		if set.Lookup(strings.TrimPrefix(name, "--")) != nil {
			return true
		}
		if len(name) == 2 && name != "--" && set.ShorthandLookup(name[1:]) != nil {
			return true
		}
	}
	return name == "-" // standard input
}

// TestDocumentsFlags: a flag that stands alone as code is one of ours, of
// ipvsadm.
func TestDocumentsFlags(t *testing.T) {
	known := []string{"--help",
		"--sport", "--dport", // of mark rules
		"--start-daemon", "--stop-daemon", // of ipvsadm, which our help leaves out
	}
	for _, c := range commands(rootCommand()) {
		c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, "--"+f.Name) })
	}
	_, usage, _ := typed(t, "ipvsadm", "--help")
	for path, text := range documents(t) {
		for _, snippet := range code(text) {
			name, _, _ := strings.Cut(snippet, " ")
			if strings.HasPrefix(name, "--") && path != "docs/commands.md" && !slices.Contains(known, name) && !strings.Contains(usage, name) {
				t.Errorf("%s: `%s`: no command has the flag %s", path, snippet, name)
			}
		}
	}
}
