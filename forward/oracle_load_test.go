package forward

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"ulvs/internal/oracle"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// oracleStep is one recorded packet and what the kernel did with it.
type oracleStep struct {
	N    int
	What string
	Side string // "client" or "rs": where the packet came from
	Hex  string
	Out  []struct{ To, Hex string }
}

// loadOracle reads the steps of a recorded scenario.
func loadOracle(t testing.TB, name string) (steps []oracleStep) {
	t.Helper()
	if err := oracle.Lines(os.DirFS("../testdata/oracle/d"), name+".jsonl.gz", func(line []byte) error {
		var s oracleStep
		// Lines that are no packet have another "out", or none of this.
		if json.Unmarshal(line, &s) == nil && s.Hex != "" {
			steps = append(steps, s)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return steps
}

// oracleBytes decodes recorded hex: what is there, and the length there was.
func oracleBytes(t testing.TB, s string) (b []byte, length int) {
	t.Helper()
	s, rest, cut := strings.Cut(s, "..(")
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	length = len(b)
	if cut {
		length, err = strconv.Atoi(strings.TrimSuffix(rest, " bytes in all)"))
		if err != nil {
			t.Fatal(err)
		}
	}
	return b, length
}

// oraclePacket makes a parsed packet of recorded hex, its payload continued.
func oraclePacket(t *testing.T, s string) *wire.Packet {
	t.Helper()
	b, length := oracleBytes(t, s)
	for step := b[len(b)-1] - b[len(b)-2]; len(b) < length; {
		b = append(b, b[len(b)-1]+step)
	}
	p := wiretest.Raw(append(append(make([]byte, 12), 0x08, 0x00), b...))
	if f := wire.Parse(p); f != wire.FaultNone {
		t.Fatalf("recorded packet: %v", f)
	}
	return p
}
