package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ulvs/lab"
)

// TestSet: settings are shown and set by name, by assignment and by file; the
// first change starts the daemon; what is refused changes nothing.
func TestSet(t *testing.T) {
	n := bare(t, lab.Config{Mode: lab.DR, Servers: 1})
	s := n.login(t)
	if a := s.types("ulvs set sloppy_tcp"); a.out != "0\n" || a.code != 0 {
		t.Errorf("before a daemon runs: %+v", a)
	}
	s.refused("ulvs set conntrack=1", "ulvs: conntrack: not applicable to ulvs: packets that ulvs balances do not pass netfilter", 1)
	if s.daemon() != 0 {
		t.Error("a refused setting started a daemon")
	}
	s.does("ulvs set sloppy_tcp=1 net.ipv4.vs.drop_entry=1")
	s.session(`
$ ulvs set sloppy_tcp
1
$ ulvs set net.ipv4.vs.drop_entry secure_tcp
drop_entry = 1
secure_tcp = 0
`)
	check(t, os.WriteFile(filepath.Join(s.dir, "vs.conf"), []byte("# as sysctl.conf\nnet.ipv4.vs.sloppy_tcp = 0\nexpire_nodest_conn=1\n"), 0o644))
	s.does("ulvs set -f vs.conf")
	s.refused("ulvs set nat_icmp_send=1 secure_tcp=4", `ulvs: secure_tcp: value not accepted: "4"; want 0 (off), 1 or 2 (automatic; 2 while active) or 3 (always)`, 1)
	s.session(`
$ ulvs set sloppy_tcp expire_nodest_conn nat_icmp_send
sloppy_tcp = 0
expire_nodest_conn = 1
nat_icmp_send = 0
`)
	if out := s.does("ulvs set"); !strings.Contains(out, "expire_nodest_conn         1       0 ") {
		t.Errorf("ulvs set lists\n%s", out)
	}
}
