package bench

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"ulvs/dataplane/afpacket"
	"ulvs/internal/testns"
)

func TestMain(m *testing.M) { os.Exit(testns.Main(m)) }

// short is a comparison just long enough to show that all of it works.
func short() Options {
	return Options{
		Rounds: 1, Warmup: 20 * time.Millisecond, Duration: 100 * time.Millisecond, Flows: 1000, SocketSource: true,
		Ring: afpacket.Geometry{SlotSize: 2048, Slots: 2048, BlockSize: 64 << 10},
	}
}

func TestFirst(t *testing.T) {
	r, err := First(context.Background(), short())
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Rows {
		s, _, _ := r.Rows[i].Median()
		if s.Rate <= 0 || s.Offered <= 0 {
			t.Errorf("%s: %+v, want packets offered and forwarded", r.Rows[i].Name, s)
		}
	}
	checkText(t, r, []string{"bare ring", "packet loop", "packet loop + gopacket", "1.00", "1000 flows", "flooded"})
}

func checkText(t *testing.T, r *Report, words []string) {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, word := range words {
		if !strings.Contains(b.String(), word) {
			t.Errorf("report does not say %q:\n%s", word, b.String())
		}
	}
}

// TestPacedRate: the generator offers what it was told, and a ring loses
// nothing of that little.
func TestPacedRate(t *testing.T) {
	o := short()
	o.Rate = 20_000
	o.Duration = 300 * time.Millisecond
	r, err := Compare(context.Background(), o, []Contestant{Bare{Ring: o.Ring}})
	if err != nil {
		t.Fatal(err)
	}
	s := r.Rows[0].Samples[0]
	if s.Offered < 15_000 || s.Offered > 25_000 {
		t.Errorf("offered %.0f packets/s, want about 20000", s.Offered)
	}
	if s.Loss != 0 {
		t.Errorf("lost %.2f %%, want none", 100*s.Loss)
	}
}

// absent is a contestant that cannot start.
type absent struct{ err error }

func (absent) Name() string { return "absent" }
func (a absent) Start(context.Context, *Topology) (func() error, error) {
	return nil, a.err
}

func TestErrors(t *testing.T) {
	broken := errors.New("out of order")
	if _, err := Compare(context.Background(), short(), []Contestant{absent{broken}}); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Compare(ctx, short(), []Contestant{Bare{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	for _, row := range []struct {
		o    Options
		word string
	}{
		{Options{Rounds: -1}, "rounds"},
		{Options{Flows: 70000}, "flows 70000"},
		{Options{Rate: -5}, "rate -5"},
		{Options{Duration: -time.Second}, "duration"},
	} {
		if _, err := First(context.Background(), row.o); err == nil || !strings.Contains(err.Error(), row.word) {
			t.Errorf("error %v, want one about %q", err, row.word)
		}
	}
}

func TestMedian(t *testing.T) {
	row := Row{Samples: []Sample{{Rate: 3}, {Rate: 1}, {Rate: 2}}}
	s, least, greatest := row.Median()
	if s.Rate != 2 || least != 1 || greatest != 3 {
		t.Errorf("median %v (%v-%v), want 2 (1-3)", s.Rate, least, greatest)
	}
	if s, _, _ := (&Row{}).Median(); s != (Sample{}) {
		t.Errorf("median of nothing is %v", s)
	}
}

// BenchmarkForward measures each forwarder once per iteration.
func BenchmarkForward(b *testing.B) {
	for _, c := range []Contestant{Bare{}, Bare{Ring: afpacket.Geometry{Version: afpacket.V3}}, Loop{}, Loop{Decode: true}} {
		b.Run(strings.ReplaceAll(c.Name(), " ", "-"), func(b *testing.B) {
			row := Row{Name: c.Name()}
			for b.Loop() {
				s, err := measure(context.Background(), c, Options{}.withDefaults())
				if err != nil {
					b.Fatal(err)
				}
				row.Samples = append(row.Samples, s)
			}
			s, _, _ := row.Median()
			b.ReportMetric(s.Rate/1e3, "kpps")
			b.ReportMetric(s.Offered/1e3, "kpps-offered")
		})
	}
}
