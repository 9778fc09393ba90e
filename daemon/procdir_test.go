package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ulvs/service"
)

// TestProcDir: the files are there when the daemon is ready, and gone when it
// has ended; what else is in the folder stays.
func TestProcDir(t *testing.T) {
	dir := t.TempDir()
	d, log := newTestDaemon(t, Options{ProcDir: dir})
	mustApply(t, d, service.Change{Op: service.AddService, Service: web})
	p, err := d.openProcDir()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "net/ip_vs"))
	if err != nil || !strings.Contains(string(text), "TCP  C6336401:0050 rr") {
		t.Errorf("net/ip_vs: %v\n%s", err, text)
	}
	other := filepath.Join(dir, "net/dev")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.closeProcDir(p)
	entries, err := os.ReadDir(filepath.Join(dir, "net"))
	if err != nil || len(entries) != 1 || entries[0].Name() != "dev" {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if n := log.count("level=WARN"); n != 0 {
		t.Errorf("%d warnings", n)
	}
}

// TestProcDirRefused: a folder that cannot be is told at the start.
func TestProcDirRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d, _ := newTestDaemon(t, Options{ProcDir: file})
	if _, err := d.openProcDir(); err == nil || !strings.Contains(err.Error(), "--proc-dir: ") {
		t.Errorf("error %v", err)
	}
	none, _ := newTestDaemon(t, Options{})
	p, err := none.openProcDir()
	if p != nil || err != nil {
		t.Errorf("without the option: %v, %v", p, err)
	}
	none.closeProcDir(p)
}
