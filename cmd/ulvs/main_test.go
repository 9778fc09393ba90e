package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// typed runs ulvs as typed and returns its exit code and what it printed.
func typed(t *testing.T, argv ...string) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	problems, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer problems.Close()
	wasOut, wasErr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = out, problems
	defer func() { os.Stdout, os.Stderr = wasOut, wasErr }()
	code = run(argv)
	return code, contents(t, out.Name()), contents(t, problems.Name())
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRefusals: a wrong word is refused before anything is done, in one line
// that names it, with the code for it. NONE stands for a path where nothing is.
func TestRefusals(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("# settings\nsloppy_tcp\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line, want string
		code       int
	}{
		{"nosuch", `no command "nosuch"; see ulvs --help`, exitUsage},
		{"bench nosuch", `no experiment "nosuch"; ulvs bench list names them`, exitUsage},
		{"bench quick --rounds 0", "--rounds: 0 is not a positive number", exitUsage},
		{"bench quick --json --gobench", "--gobench: not with --json; --out writes both", exitUsage},
		{"bench doc", "ulvs bench doc takes results and perhaps a document, got 0 arguments", exitUsage},
		{"bench doc NONE", "open NONE: no such file or directory", exitFailed},
		{"mark nosuch", `no command "nosuch"; see ulvs mark --help`, exitUsage},
		{"--nosuch", "unknown flag: --nosuch", exitUsage},
		{"status --nosuch", "unknown flag: --nosuch", exitUsage},
		{"status -x", "unknown shorthand flag: 'x' in -x", exitUsage},
		{"status --socket", "flag needs an argument: --socket", exitUsage},
		{"status --json=maybe", `--json: "maybe" is not true or false`, exitUsage},
		{"status extra", `ulvs status takes no argument, got "extra"`, exitUsage},
		{"save extra", `ulvs save takes no argument, got "extra"`, exitUsage},
		{"mark list extra", `ulvs mark list takes no argument, got "extra"`, exitUsage},
		{"bench first extra", `ulvs bench first takes no argument, got "extra"`, exitUsage},
		{"conformance a b", `ulvs conformance takes one directory at most, got "b" too`, exitUsage},
		{"proc a b", `ulvs proc takes one file or folder at most, got "b" too`, exitUsage},
		{"proc nosuch", `proc: "nosuch" is neither a folder nor one of ip_vs `, exitUsage},
		{"lab", "lab takes one of dr, nat, tun", exitUsage},
		{"lab dr nat", "lab takes one of dr, nat, tun", exitUsage},
		{"lab nosuch", `mode: "nosuch" is not one of dr nat tun`, exitUsage},
		{"lab dr --servers 0", "--servers: 0 is not a positive number", exitUsage},
		{"lab dr --servers few", `--servers: "few" is not a whole number`, exitUsage},
		{"lab dr --servers 51", "servers: 51 is not from 1 to 50", exitUsage},
		{"lab dr --weights 1,a", `--weights: "1,a" is not a list of whole numbers, 1,2,3`, exitUsage},
		{"lab dr --scheduler nosuch", `scheduler: "nosuch" is not one of rr wrr `, exitUsage},
		{"reasons --interval often", `--interval: "often" is not a duration, such as 1.5s`, exitUsage},
		{"reasons --interval -1s", "--interval: -1s is not from 0 to 1h", exitUsage},
		{"reasons --watch --interval 0", "--interval: --watch needs more than 0", exitUsage},
		{"top --interval 10ms", "--interval: 10ms is not from 100ms to 1h", exitUsage},
		{"top -n 0", "-n: 0 is not a positive number", exitUsage},
		{"top extra", `ulvs top takes no argument, got "extra"`, exitUsage},
		{"decap", "--director: at least one address is needed", exitUsage},
		{"decap --director 192.0.2.1", "--vip: at least one address is needed", exitUsage},
		{"decap --director 192.0.2", `--director: "192.0.2" is not an IP address`, exitUsage},
		{"bench first --duration 2", `--duration: "2" is not a duration, such as 1.5s`, exitUsage},
		{"run extra", `ulvs run takes no argument, got "extra"`, exitUsage},
		{"run --workers many", `--workers: "many" is not a whole number`, exitUsage},
		{"run --workers 0", "--workers: 0 is not from 1 to 64", exitUsage},
		{"run --capacity 0", "--capacity: 0 is not from 1 to 268435456 connections", exitUsage},
		{"run --ring-slots -1", "--ring-slots: -1 is not from 1 to ", exitUsage},
		{"run --ring-memory 0", "--ring-memory: 0 is not from 1 to 1048576 MiB", exitUsage},
		{"run --poll often", `--poll: `, exitUsage},
		{"run --log-level loud", `--log-level: "loud" is not one of debug, info, warn, error`, exitUsage},
		{"run --interface=", "--interface: the name is empty", exitUsage},
		{"run --settings NONE", "--settings: open NONE: no such file or directory", exitUsage},
		{"run --settings BROKEN", "--settings: BROKEN: ", exitUsage},
		{"set -f NONE", "open NONE: no such file or directory", exitUsage},
		{"set sloppy_tcp=1 drop_entry", `"drop_entry" has no value: either names, to show them, or NAME=VALUE`, exitUsage},
		{"mark load", "mark load: -f FILE is missing; - is standard input", exitUsage},
		{"mark load -f NONE", "open NONE: no such file or directory", exitUsage},
		{"mark load -f BROKEN", `mark load: BROKEN:2: `, exitUsage},

		{"set nosuch=1 --socket NONE", `"nosuch": no such setting`, exitFailed},
		{"conformance NONE", `conformance: directory "NONE": `, exitFailed},
		{"lab-host", "lab-host: is started by ulvs lab only", exitFailed},

		{"status --socket NONE", "no daemon answers at NONE: ", exitUnreachable},
		{"reasons --socket NONE", "no daemon answers at NONE: ", exitUnreachable},
		{"top --socket NONE", "no daemon answers at NONE: ", exitUnreachable},
		{"save --socket NONE", "no daemon answers at NONE: ", exitUnreachable},
		{"proc --socket NONE", "no daemon answers at NONE: ", exitUnreachable},
		{"proc ip_vs_stats --socket NONE", "no daemon answers at NONE: ", exitUnreachable},
	} {
		paths := strings.NewReplacer("NONE", none, "BROKEN", broken)
		code, stdout, stderr := typed(t, append([]string{"ulvs"}, strings.Fields(paths.Replace(c.line))...)...)
		if want := "ulvs: " + paths.Replace(c.want); code != c.code || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("ulvs %s: exit code %d, %q, %q, want %d and one line %q", c.line, code, stderr, stdout, c.code, want)
		}
	}
}

// TestDefaultsWithoutDaemon: settings can be asked for before there is a daemon.
func TestDefaultsWithoutDaemon(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	code, stdout, stderr := typed(t, "ulvs", "set", "am_droprate", "--socket", none)
	if code != exitOK || stdout != "10\n" || stderr != "ulvs: no daemon runs, these are the defaults\n" {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
}

// TestFaces: the name of the link or the first word chooses; ipvsadm has exit
// codes of its own.
func TestFaces(t *testing.T) {
	for _, c := range []struct {
		argv   []string
		code   int
		stdout string
	}{
		{[]string{"ulvs", "--version"}, exitOK, "ulvs version devel\n"},
		{[]string{"/usr/local/sbin/ipvsadm", "--version"}, exitOK, "ipvsadm v1.31"},
		{[]string{"ulvs", "ipvsadm", "--version"}, exitOK, "ipvsadm v1.31"},
		{[]string{"ulvs", "ipvsadm", "--nosuch"}, 255, ""},
		{[]string{"ipvsadm", "-A", "-t", "198.51.100.1:80", "-f", "1"}, 2, ""},
	} {
		code, stdout, stderr := typed(t, c.argv...)
		if code != c.code || !strings.HasPrefix(stdout, c.stdout) {
			t.Errorf("%q: exit code %d, %q, %q, want %d, %q", c.argv, code, stdout, stderr, c.code, c.stdout)
		}
	}
}

// TestHelp: every command says what it does in one line, and its help needs
// neither rights nor a daemon.
func TestHelp(t *testing.T) {
	for _, c := range commands(rootCommand()) {
		if c.Short == "" || strings.Contains(c.Short, "\n") || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short description %q, want one line without a full stop", c.CommandPath(), c.Short)
		}
		code, stdout, stderr := typed(t, append(strings.Fields(c.CommandPath()), "--help")...)
		if code != exitOK || stderr != "" || !strings.Contains(stdout, "sage:") {
			t.Errorf("%s --help: exit code %d, %q, %q", c.CommandPath(), code, stdout, stderr)
		}
	}
}

// commands lists c and all below it that a user sees and we have written.
func commands(c *cobra.Command) (all []*cobra.Command) {
	c.InitDefaultHelpFlag()
	all = append(all, c)
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" && sub.Name() != "completion" {
			all = append(all, commands(sub)...)
		}
	}
	return all
}
