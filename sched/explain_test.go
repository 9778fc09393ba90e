package sched_test

import (
	"strings"
	"testing"
	"time"

	"ulvs/sched"
	"ulvs/sched/schedtest"
)

// flagged are the schedulers with the flags that they know.
func flagged() (all []string) {
	all = append(all, sched.Names()...)
	for _, name := range []string{"sh", "mh"} {
		port, fallback := name+"-port", name+"-fallback"
		all = append(all, name+" "+port, name+" "+fallback, name+" "+port+" "+fallback)
	}
	return append(all, "rdv flag-2")
}

// TestExplained demands a true explanation from every scheduler.
func TestExplained(t *testing.T) {
	for _, words := range flagged() {
		t.Run(words, func(t *testing.T) {
			name, flags, _ := strings.Cut(words, " ")
			schedtest.Explained(t, func() sched.Scheduler {
				tunables := sched.NewTunables()
				tunables.LBLCExpiration.Store(int64(10 * time.Minute))
				tunables.LBLCRExpiration.Store(int64(time.Minute))
				s, err := sched.New(name, sched.Config{Flags: strings.Fields(flags), Seed: 7, Tunables: tunables})
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}
