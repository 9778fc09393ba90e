package guard

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"ulvs/internal/testns"
)

// TestLaterFragmentsGoWithTheFirst: they have no ports; those of what is dropped
// reach neither the host nor, by way of it, the client.
func TestLaterFragmentsGoWithTheFirst(t *testing.T) {
	top := build(t, families4and6[0])
	at := top.at
	top.sync(Rules{Services: []Endpoint{endpoint(udp, at.vip, 53)}, NATReals: []Endpoint{endpoint(udp, at.server, 53)}})
	client := top.socket(top.client, at.client, 5000)
	top.send(client, at.vip, 53, 3000)
	top.send(top.socket(top.server, at.server, 53), at.client, 5000, 3000)
	if host, beyond := top.fragments(top.director), top.fragments(top.client); host != 0 || beyond != 0 {
		t.Errorf("%d fragments reached the host, %d the client", host, beyond)
	}

	other := top.socket(top.director, at.vip, 54) // others do
	top.send(client, at.vip, 54, 3000)
	top.receive(other)
	top.send(top.socket(top.server, at.server, 54), at.client, 5000, 3000)
	top.receive(client)
	if host, beyond := top.fragments(top.director), top.fragments(top.client); host != 3 || beyond != 3 {
		t.Errorf("%d fragments reached the host, %d the client, want 3 each", host, beyond)
	}
}

// fragments counts the IPv4 fragments that have reached a host.
func (top *topology) fragments(n *testns.NS) (count int) {
	top.t.Helper()
	var text []byte
	n.Do(func() {
		var err error
		if text, err = os.ReadFile("/proc/thread-self/net/snmp"); err != nil {
			top.t.Fatal(err)
		}
	})
	var names []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if fields[0] == "Ip:" && names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == "ReasmReqds" {
				count, _ = strconv.Atoi(fields[i])
				return count
			}
		}
	}
	top.t.Fatal("no count of fragments")
	return 0
}
