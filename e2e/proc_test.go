package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ulvs/lab"
)

// TestProc: ulvs proc prints and writes what the kernel would have below
// /proc/net.
func TestProc(t *testing.T) {
	n := serving(t, lab.Config{Mode: lab.DR, Servers: 2}, "wlc")
	s := n.login(t)
	table := s.does("ulvs proc ip_vs")
	for _, want := range []string{
		"IP Virtual Server version 1.2.1 (size=4096)\n",
		"TCP  C0000264:0050 wlc  \n",
		"  -> C000020B:0050      Route   1      0          0         \n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("no line %q in\n%s", want, table)
		}
	}
	all := s.does("ulvs proc")
	if !strings.HasPrefix(all, "==> ip_vs <==\n"+table+"\n==> ") || strings.Count(all, "==> ") != 6 {
		t.Errorf("all files:\n%s", all)
	}
	dir := filepath.Join(s.dir, "net")
	check(t, os.Mkdir(dir, 0o755))
	if out := s.does("ulvs proc net && ulvs proc net"); out != "" {
		t.Errorf("writing prints %q", out)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "ip_vs")); err != nil || string(text) != table {
		t.Errorf("written: %v\n%s", err, text)
	}
	s.refused("ulvs proc a b", `ulvs: ulvs proc takes one file or folder at most, got "b" too`, 2)
	s.refused("ulvs proc nosuch", `ulvs: proc: "nosuch" is neither a folder nor one of `+
		"ip_vs ip_vs_app ip_vs_stats ip_vs_stats_percpu ip_vs_conn ip_vs_conn_sync", 2)
	socket := filepath.Join(s.dir, "none.sock")
	for _, command := range []string{"proc", "proc ip_vs", "proc net", "save"} {
		a := s.types("ulvs " + command + " --socket " + socket)
		if a.code != 3 || a.out != "" || !strings.Contains(a.err, "no daemon answers at "+socket) {
			t.Errorf("%s without a daemon: %+v", command, a)
		}
	}
}
