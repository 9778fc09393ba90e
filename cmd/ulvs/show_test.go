package main

import (
	"strings"
	"testing"
	"time"

	"ulvs/control/api"
	"ulvs/service"
	"ulvs/sysctl"
)

// TestPrint: what people read, to the letter.
func TestPrint(t *testing.T) {
	var b strings.Builder
	rule := func(text string) service.MarkRule {
		r, err := service.ParseMarkRule(strings.Fields(text))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, c := range []struct {
		name  string
		print func()
		want  string
	}{
		{"status", func() {
			printInfo(&b, &api.Info{
				Build: "v1", PID: 7, Uptime: 90*time.Second + time.Millisecond, Interfaces: []string{"eth1", "eth2"}, Workers: 2,
				Connections: 3, Capacity: 64, MemoryBytes: 5 << 20, Socket: "/run/x", Warnings: []string{"no guard"},
			})
		}, "ulvs v1, pid 7, up 1m30s\ninterfaces   eth1 eth2\nworkers      2\nconnections  3 of 64 (5 MiB)\n" +
			"socket       /run/x\nwarning      no guard\n"},
		{"marks, which of them lead nowhere", func() {
			s := &api.State{Services: []api.ServiceState{{VirtualService: service.VirtualService{Key: service.Key{Mark: 1}}}}}
			printMarks(&b, []service.MarkRule{rule("-d 198.51.100.1 1"), rule("-s 192.0.2.0/24 0"), rule("2")}, s)
		}, "  1  -d 198.51.100.1 1\n  2  -s 192.0.2.0/24 0\n  3  2  # there is no service -f 2\n"},
		{"one setting", func() { printValues(&b, api.SettingsOf(sysctl.Defaults())[:1]) }, "10\n"},
		{"two settings", func() { printValues(&b, api.SettingsOf(sysctl.Defaults())[:2]) }, "am_droprate = 10\namemthresh = 1024\n"},
	} {
		b.Reset()
		if c.print(); b.String() != c.want {
			t.Errorf("%s:\n%q, want\n%q", c.name, b.String(), c.want)
		}
	}
}

// TestPrintSettings: what has nothing to act on comes last, with its reason.
func TestPrintSettings(t *testing.T) {
	var b strings.Builder
	printSettings(&b, api.SettingsOf(sysctl.Defaults()))
	work, fixed, found := strings.Cut(b.String(), "\nnot applicable:\n")
	if !found || !strings.Contains(work, "\nsloppy_tcp ") || !strings.Contains(fixed, "sync_version ") || strings.Contains(work, "sync_version") {
		t.Errorf("%s", b.String())
	}
}
