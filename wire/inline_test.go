package wire_test

import (
	"os/exec"
	"strings"
	"testing"
)

// mustInline lists what the data path calls for each packet and what would
// cost a call each time it no longer fitted the compiler's budget.
var mustInline = []string{
	"AddrFromV4", "Addr.Is4", "Fold", "swapNative", "sumTail", "Diff16", "Delta.Update", "Delta.UpdateUDP", "Delta.UpdatePartial",
	"Ethernet.SetDst", "Ethernet.SetSrc", "IPv4.TTL", "IPv4.SetTTL", "IPv4.SetSrc", "IPv4.SetDst", "IPv4.SetChecksum",
	"TCP.SetDstPort", "TCP.SetChecksum", "UDP.SetDstPort", "UDP.SetChecksum", "(*Packet).TCP", "(*Packet).UDP",
	"(*Packet).IPv4", "(*Packet).Ethernet", "(*Packet).IPLen", "(*Packet).IsFragment", "parseTCP", "parseUDP",
}

func TestInlining(t *testing.T) {
	out, err := exec.Command("go", "build", "-gcflags=ulvs/wire=-m", "ulvs/wire").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, name := range mustInline {
		if !strings.Contains(string(out), ": can inline "+name+"\n") {
			t.Errorf("%s is not inlined any more", name)
		}
	}
}
