package explain_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/big"
	"net/netip"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ulvs/explain"
	"ulvs/internal/oracle"
)

// recorded is a line of a recording: its header, or a packet or command.
type recorded struct {
	Setup []string
	Pkt   string
	Cmd   string
	T     *float64
	Out   any
}

// printedRow is a server in the printed table of a scheduler.
var printedRow = regexp.MustCompile(`(?m)^ {12}(\S+:\d+) +(\d+) +(-?\d+) +(-?\d+)(.*)$`)

// TestHistories explains the packets of what was recorded of a kernel, by every
// scheduler: each first packet's printed table marks the server that the kernel
// took, and, of those that compare servers by a number, the numbers printed make
// it the first with the least.
func TestHistories(t *testing.T) {
	scores := map[string]func(weight, active, inactive int64) *big.Rat{
		"lc":  func(_, a, i int64) *big.Rat { return big.NewRat(256*a+i, 1) },
		"wlc": func(w, a, i int64) *big.Rat { return big.NewRat(256*a+i, w) },
		"sed": func(w, a, _ int64) *big.Rat { return big.NewRat(a+1, w) },
		"nq": func(w, a, _ int64) *big.Rat {
			if a == 0 {
				return new(big.Rat)
			}
			return big.NewRat(a+1, w)
		},
	}
	for _, name := range []string{"rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "lblc", "lblcr", "mh", "fo", "ovf"} {
		files := os.DirFS("../testdata/oracle/a-" + name)
		picks := 0
		if err := fs.WalkDir(files, ".", func(file string, _ fs.DirEntry, err error) error {
			if err == nil && oracle.IsRecording(file) {
				h := &history{t: t, name: path.Join(name, file), score: scores[name]}
				h.replay(files, file)
				picks += h.picks
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if picks < 200 {
			t.Errorf("%s: %d picks", name, picks)
		}
		t.Logf("%s: %d picks", name, picks)
	}
}

// history is a recording under replay.
type history struct {
	t     *testing.T
	name  string
	score func(weight, active, inactive int64) *big.Rat
	e     *explain.Engine
	now   time.Duration
	picks int
}

func (h *history) replay(files fs.FS, file string) {
	var err error
	if h.e, err = explain.New(1000, 42); err != nil {
		h.t.Fatal(err)
	}
	marks := false
	if err := oracle.Lines(files, file, func(line []byte) error {
		var r recorded
		if err := json.Unmarshal(line, &r); err != nil || marks {
			return err
		}
		for _, rule := range r.Setup {
			if marks = marks || strings.HasPrefix(rule, "iptables") || strings.HasPrefix(rule, "ip6tables"); !marks {
				h.rule(rule)
			}
		}
		if r.Cmd != "" && !strings.Contains(r.Cmd, "-L") {
			h.rule(r.Cmd)
		}
		if r.Pkt != "" && !marks {
			h.packet(&r)
		}
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *history) rule(line string) {
	if err := h.e.Rule(line, explain.Numeric{}); err != nil {
		h.t.Fatalf("%s: %v", h.name, err)
	}
}

// packet explains one packet and checks what is printed of the pick.
func (h *history) packet(r *recorded) {
	w, err := explain.ParseWords(r.Pkt)
	if err != nil {
		h.t.Fatalf("%s: %v", h.name, err)
	}
	if r.T != nil {
		w.Delay = max(time.Duration(*r.T*float64(time.Second))-h.now, 0)
	}
	h.now = w.Packets(h.name, h.now, func(p *explain.Packet) {
		record := h.e.Explain(p)
		if record.Pick == nil {
			return
		}
		h.picks++
		var b bytes.Buffer
		if err := explain.NewText(&b, explain.Style{}).Print(record); err != nil {
			h.t.Fatal(err)
		}
		if problem := h.check(b.String(), r.Out); problem != "" {
			h.t.Fatalf("%s: %s: %s\n%s", h.name, r.Pkt, problem, b.String())
		}
	})
}

// check says what is wrong with a printed table; out is where the kernel sent
// the packet, "rs2".
func (h *history) check(text string, out any) string {
	rows := printedRow.FindAllStringSubmatch(text, -1)
	marked := slices.IndexFunc(rows, func(row []string) bool { return strings.Contains(row[5], "<- chosen") })
	number, sent := strings.CutPrefix(fmt.Sprint(out), "rs")
	if sent != (marked >= 0) {
		return fmt.Sprintf("the kernel's is %v, row %d is marked", out, marked)
	}
	if sent {
		end := netip.MustParseAddrPort(rows[marked][1]).Addr().As16()
		if strconv.FormatUint(uint64(end[15]), 16) != strings.Fields(number)[0] && strconv.Itoa(int(end[15])) != strings.Fields(number)[0] {
			return fmt.Sprintf("the kernel's is %v, %s is marked", out, rows[marked][1])
		}
	}
	if h.score == nil {
		return ""
	}
	least, best := -1, new(big.Rat)
	for i, row := range rows {
		if strings.Contains(row[5], "   not: ") {
			continue
		}
		var n [3]int64
		for j := range n {
			n[j], _ = strconv.ParseInt(row[2+j], 10, 64)
		}
		if score := h.score(n[0], n[1], n[2]); least < 0 || score.Cmp(best) < 0 {
			least, best = i, score
		}
	}
	if least != marked {
		return fmt.Sprintf("row %d has the least, row %d is marked", least, marked)
	}
	return ""
}
