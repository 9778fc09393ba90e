package schedtest

import (
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ulvs/sched"
	"ulvs/wire"
)

// Replay gives the commands and new connections of the recordings whose names
// match the pattern of path.Match to the schedulers they name, and fails where another server is picked than the
// kernel picked. Counts that change by connection states are taken from the
// recording; closing and opening by thresholds is Server's own work. It
// returns how many picks were compared.
func Replay(t *testing.T, fsys fs.FS, pattern string) (picks int) {
	t.Helper()
	for _, sc := range readScenarios(t, fsys, pattern) {
		t.Run(sc.Name, func(t *testing.T) {
			r := replay{
				t: t, live: map[sched.Flow]bool{}, last: map[*sched.Server]int32{},
				gone: map[int]*sched.Server{}, tunables: tunables(sc.Sysctl),
			}
			for _, c := range sc.Setup {
				r.command(c)
			}
			for i := range sc.steps {
				r.step(&sc.steps[i])
			}
			picks += r.picks
		})
	}
	return picks
}

type replay struct {
	t         *testing.T
	v         service
	onePacket bool
	live      map[sched.Flow]bool // connections that exist already
	last      map[*sched.Server]int32
	picks     int
	gone      map[int]*sched.Server // deleted ones by number, which may come back
	tunables  *sched.Tunables
	now       time.Duration
}

// tunables takes over what schedulers look at of a scenario's settings.
func tunables(sysctl map[string]int64) *sched.Tunables {
	t := sched.NewTunables()
	for name, to := range map[string]*atomic.Int64{"lblc_expiration": &t.LBLCExpiration, "lblcr_expiration": &t.LBLCRExpiration} {
		if seconds, ok := sysctl[name]; ok {
			to.Store(seconds * int64(time.Second))
		}
	}
	return t
}

// advance lets time go on to t, with the upkeep of every second.
func (r *replay) advance(t time.Duration) {
	upkeep, ok := r.v.s.(sched.Upkeep)
	for ; r.now < t; r.now = min(r.now+time.Second, t) {
		if ok {
			upkeep.Tick(r.now)
		}
	}
}

func (r *replay) step(s *step) {
	r.advance(time.Duration(s.Time * float64(time.Second)))
	switch s.Event {
	case "cmd":
		if !s.failed() {
			r.command(s.Cmd)
		}
	case "c:S", "c:udp":
		r.open(s)
	}
	if s.Counts != nil {
		r.settle(s)
	}
}

// open picks for a packet that may open a connection.
func (r *replay) open(s *step) {
	r.t.Helper()
	f, err := s.flow()
	if err != nil {
		r.t.Fatal(err)
	}
	if r.live[f] {
		return
	}
	r.picks++
	asked := f
	asked.Now = r.now
	got, want := r.v.pick(&asked), s.server()
	if number(got) != want {
		r.t.Fatalf("step %d, %s: picked %d, the kernel picked %d", s.N, s.Packet, number(got), want)
	}
	switch {
	case got == nil:
		return
	case r.onePacket:
		got.Unbind(false)
		return
	case s.Event == "c:S":
		got.Activate()
	}
	r.live[f] = true
}

func number(s *sched.Server) int {
	if s == nil {
		return 0
	}
	return int(s.ID)
}

// settle checks the order of the list and takes over the recorded counts.
func (r *replay) settle(s *step) {
	r.t.Helper()
	if len(s.Counts) != len(r.v.list) {
		r.t.Fatalf("step %d: %d servers, the kernel has %d", s.N, len(r.v.list), len(s.Counts))
	}
	for i, c := range s.Counts {
		srv := r.v.list[i]
		if number(srv) != c.server || int(srv.Weight.Load()) != c.weight {
			r.t.Fatalf("step %d: place %d has server %d weight %d, in the kernel %d weight %d",
				s.N, i, number(srv), srv.Weight.Load(), c.server, c.weight)
		}
		c.apply(srv)
	}
}

// apply makes connections of s begin, end and change state until the counts
// are c's.
func (c counts) apply(s *sched.Server) {
	for s.Total() < c.active+c.inactive {
		s.Bind()
	}
	for s.Total() > c.active+c.inactive {
		s.Unbind(int(s.Inactive.Load()) <= c.inactive)
	}
	for int(s.Active.Load()) < c.active {
		s.Activate()
	}
	for int(s.Active.Load()) > c.active {
		s.Deactivate()
	}
}

// command carries out an ipvsadm command; others concern no scheduler.
func (r *replay) command(line string) {
	r.t.Helper()
	words := strings.Fields(line)
	if words[0] != "ipvsadm" {
		return
	}
	switch words[1] {
	case "-A", "-E":
		r.start(option(words, "-s"), option(words, "-b"))
		r.onePacket = slices.Contains(words, "-o")
	case "-a", "-e", "-d":
		r.change(words)
	}
}

// start gives the list to a new scheduler.
func (r *replay) start(name, flags string) {
	s, err := sched.New(name, sched.Config{
		Flags:      strings.FieldsFunc(flags, func(c rune) bool { return c == ',' }),
		Tunables:   r.tunables,
		LastWeight: func(s *sched.Server) int32 { return r.last[s] },
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.v.s = s
	s.Init(r.v.list)
}

func (r *replay) change(words []string) {
	r.t.Helper()
	addr, n := r.server(option(words, "-r"))
	weight := int32(1)
	if w := option(words, "-w"); w != "" {
		weight = int32(r.atoi(w))
	}
	at := slices.IndexFunc(r.v.list, func(s *sched.Server) bool { return number(s) == n })
	switch words[1] {
	case "-d":
		r.gone[n] = r.v.list[at]
		r.v.remove(r.v.list[at])
	case "-a":
		s := r.gone[n]
		if s == nil || s.Total() == 0 { // with no connection it is forgotten
			s = sched.NewServer(wire.AddrFrom(addr.Addr()), addr.Port(), weight)
			s.ID = uint32(n)
		}
		s.SetWeight(weight)
		s.SetDeleted(false)
		r.last[s] = weight
		r.thresholds(s, words)
		r.v.list = sched.Insert(r.v.list, s)
		r.v.s.Added(r.v.list, s)
	case "-e":
		if weight > 0 {
			r.last[r.v.list[at]] = weight
		}
		r.thresholds(r.v.list[at], words)
		r.v.edit(r.v.list[at], weight)
	}
}

// server returns the address of a recorded real server and its number, the
// last byte of the address.
func (r *replay) server(text string) (netip.AddrPort, int) {
	r.t.Helper()
	addr, err := netip.ParseAddrPort(text)
	if err != nil {
		r.t.Fatal(err)
	}
	b := addr.Addr().AsSlice()
	return addr, int(b[len(b)-1])
}

func (r *replay) thresholds(s *sched.Server, words []string) {
	s.SetThresholds(uint32(r.atoi(option(words, "-x"))), uint32(r.atoi(option(words, "-y"))))
}

func (r *replay) atoi(s string) int {
	r.t.Helper()
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// option returns the word after name, "" if there is none.
func option(words []string, name string) string {
	if i := slices.Index(words, name); i >= 0 && i+1 < len(words) {
		return words[i+1]
	}
	return ""
}
