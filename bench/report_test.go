package bench

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample is a report with all there can be in one.
func sample() *Report {
	r := &Report{
		Version: ReportVersion, Machine: Machine{CPU: "Some Processor", CPUs: 2, Kernel: "6.18.0", Go: "go1.26.0"},
		Commit: "0123456789ab", Command: "ulvs bench a b", Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Rounds: 3, Seconds: 12.3, Load: 1.5,
	}
	a := Experiment{
		Name: "small-packets", Title: "small packets", About: "Some packets.", Metrics: []Metric{metricRate, metricLoss},
		Entries: []Entry{{Name: "bare ring", Placement: OwnCore}, {Name: "ulvs DR", Placement: OwnCore}, {Name: "late", Placement: OneCore}},
		Bars: []Bar{
			{What: "DR against the bare ring", Of: "ulvs DR", Metric: "kpps", Against: []string{"bare ring", "late"}, Least: 0.88},
			{What: "loss", Of: "ulvs DR", Metric: "%lost", Most: 0},
			{What: "late", Of: "late, one core", Metric: "kpps", Against: []string{"bare ring"}, Least: 1},
		},
	}
	b := Experiment{
		Name: "round-trip", Title: "round trip", About: "To and fro.", XTitle: "flows", Metrics: []Metric{metricP50, metricP99},
		Entries: []Entry{{Name: "kernel routing", Placement: Free, X: 1}, {Name: "ulvs NAT", Placement: Free, X: 1000}},
		Bars: []Bar{
			{What: "p99 above the kernel's", Of: "ulvs NAT", Metric: "us-p99", Against: []string{"kernel routing"}, Difference: true, Most: 200},
			{What: "p99 against its p50", Of: "ulvs NAT", Metric: "us-p99", AgainstMetric: "us-p50", Against: []string{"ulvs NAT"}, Most: 2},
		},
	}
	ra, rb := newResult(&a), newResult(&b)
	ra.Rows[0].Samples = []Sample{{"kpps": 700, "%lost": 50}, {"kpps": 690, "%lost": 51}, {"kpps": 710.4, "%lost": 52}}
	ra.Rows[1].Samples = []Sample{{"kpps": 600, "%lost": 0.25}, {"kpps": 610, "%lost": 0}, {"kpps": 620, "%lost": 0}}
	ra.Rows[2].Problem = "not done after 1m0s"
	rb.Rows[0].Samples = []Sample{{"us-p50": 15.5, "us-p99": 20}, {"us-p50": 14.5, "us-p99": 22}, {"us-p50": 16, "us-p99": 21}}
	rb.Rows[1].Samples = []Sample{{"us-p50": 40, "us-p99": 90}, {"us-p50": 41.25, "us-p99": 91}, {"us-p50": 42, "us-p99": 92}}
	ra.judge(a.Bars)
	rb.judge(b.Bars)
	r.Results = []Result{*ra, *rb}
	return r
}

func TestGolden(t *testing.T) {
	r := sample()
	for name, write := range map[string]writer{"table.txt": r.WriteText, "gobench.txt": r.WriteGoBench, "report.json": r.WriteJSON, "report.md": r.WriteMarkdown} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// The format says where it was printed.
		got := strings.ReplaceAll(b.String(), "goarch: arm64", "goarch: amd64")
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestReadReport: what is written can be read, and another version cannot.
func TestReadReport(t *testing.T) {
	var b, again bytes.Buffer
	if err := sample().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	r, err := ReadReport(&b)
	if err == nil {
		err = r.WriteJSON(&again)
	}
	if err != nil || again.String() != text {
		t.Errorf("read back: %v\n%s", err, again.String())
	}
	for _, bad := range []string{"", `{"version": 1}`} {
		if _, err := ReadReport(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// TestDocument: the part between the marks is replaced, the rest is kept, and
// twice is as good as once.
func TestDocument(t *testing.T) {
	r := sample()
	old := "# Title\n\n" + docBegin + "old\n" + docEnd + "\n## After\n"
	text, err := r.Document([]byte(old))
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.Document(text)
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("twice (%v):\n%s", err, again)
	}
	s := string(text)
	if !strings.HasPrefix(s, "# Title\n\n"+docBegin) || !strings.HasSuffix(s, docEnd+"\n## After\n") || strings.Contains(s, "old\n") {
		t.Errorf("document:\n%s", s)
	}
	if _, err := r.Document([]byte("# Title\n")); err == nil {
		t.Error("no error without marks")
	}
}

// TestFiles: all forms are written, and the plots are pictures.
func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := sample().WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"results.txt", "results.json", "results.bench"} {
		if s, err := os.Stat(filepath.Join(dir, name)); err != nil || s.Size() == 0 {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	for _, name := range []string{"small-packets", "round-trip"} {
		checkPNG(t, filepath.Join(dir, name+".png"))
		checkSVG(t, filepath.Join(dir, name+".svg"))
	}
}

func checkPNG(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if img, err := png.Decode(f); err != nil || img.Bounds().Dx() < 100 {
		t.Errorf("%s: %v", path, err)
	}
}

func checkSVG(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	words := ""
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if text, ok := token.(xml.CharData); ok {
			words += string(text)
		}
	}
	if !strings.Contains(words, "packets") && !strings.Contains(words, "round trip") {
		t.Errorf("%s: no title in %q", path, words)
	}
}

func TestMedian(t *testing.T) {
	row := Row{Samples: []Sample{{"a": 3}, {"a": 1}, {"a": 2}, {"b": 9}}}
	if v, least, greatest, ok := row.Median("a"); v != 2 || least != 1 || greatest != 3 || !ok {
		t.Errorf("median %v (%v-%v) %v, want 2 (1-3)", v, least, greatest, ok)
	}
	if _, _, _, ok := row.Median("c"); ok {
		t.Error("there is a median of nothing")
	}
}

func TestParseIperf(t *testing.T) {
	s, err := parseIperf([]byte(`{"end":{"sum_sent":{"retransmits":12,"bits_per_second":9},"sum_received":{"bits_per_second":15.5e9}}}`))
	if err != nil || s["Gbit/s"] != 15.5 || s["retransmits"] != 12 {
		t.Errorf("%v, %v", s, err)
	}
	for _, bad := range []string{"", `{"error":"unable to connect"}`} {
		if _, err := parseIperf([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestParseWrk(t *testing.T) {
	s, err := parseWrk("  Socket errors: connect 1, read 20, write 0, timeout 3\n  Non-2xx or 3xx responses: 100\nRequests/sec:  20123.45\nTransfer/sec: 3MB\n")
	if err != nil || math.Abs(s["conn/s"]-20123.45) > 1e-6 || s["failed"] != 124 {
		t.Errorf("%v, %v", s, err)
	}
	for _, bad := range []string{"", "Requests/sec:      0.00"} {
		if _, err := parseWrk(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// TestConfigs: every configuration can be filled in and names what it is for.
func TestConfigs(t *testing.T) {
	files, err := configs.ReadDir("config")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	topology := &Topology{VIP: virtual, Services: []Endpoint{httpService, echoUDP}}
	for _, r := range realAddrs {
		topology.Reals = append(topology.Reals, r.Addr())
	}
	for _, f := range files {
		text, err := topology.config(f.Name())
		if err != nil {
			t.Errorf("%s: %v", f.Name(), err)
		}
		if !strings.HasPrefix(text, "# ") || strings.Contains(text, "{{") {
			t.Errorf("%s:\n%s", f.Name(), text)
		}
	}
	text, _ := topology.config("nftables-dnat.nft")
	if want := "ip daddr 198.51.100.1 udp dport 7 dnat to numgen inc mod 2 map { 0 : 192.0.2.11, 1 : 192.0.2.12 }"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
}
