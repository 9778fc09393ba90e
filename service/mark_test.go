package service_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ulvs/service"
)

// markRule draws a rule in its canonical form.
func markRule(t *rapid.T) service.MarkRule {
	ports := func(label string) service.PortRange {
		a, b := rapid.Uint16().Draw(t, label), rapid.Uint16Min(1).Draw(t, label)
		return service.PortRange{First: min(a, b), Last: max(a, b)}
	}
	six := rapid.Bool().Draw(t, "ipv6")
	prefix := func(label string) netip.Prefix {
		a := netip.AddrFrom4([4]byte{198, 51, 100, rapid.Byte().Draw(t, label)})
		if six {
			a = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: rapid.Byte().Draw(t, label)})
		}
		if rapid.Bool().Draw(t, "no "+label) {
			return netip.Prefix{}
		}
		return netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, label+" bits"))
	}
	r := service.MarkRule{
		Protocol: rapid.SampledFrom([]service.Protocol{0, service.TCP, service.UDP, service.SCTP}).Draw(t, "protocol"),
		Source:   prefix("source"), Destination: prefix("destination"),
		Interface: rapid.StringMatching(`|[a-z][a-z0-9.@_-]{0,14}`).Draw(t, "interface"),
		Mark:      rapid.Uint32().Draw(t, "mark"),
	}
	if r.Protocol != 0 {
		r.SourcePorts, r.DestinationPorts = ports("sport"), ports("dport")
	}
	out, err := r.Normalize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestMarkRuleText: a rule's text and its JSON read back as the same rule.
func TestMarkRuleText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := markRule(t)
		got, err := service.ParseMarkRule(strings.Fields(r.String()))
		if err != nil || got != r {
			t.Fatalf("%q reads back as %+v, %v; was %+v", r, got, err, r)
		}
		text, err := json.Marshal(r)
		got = service.MarkRule{}
		if err2 := json.Unmarshal(text, &got); err != nil || err2 != nil || got != r {
			t.Fatalf("%s reads back as %+v, %v %v; was %+v", text, got, err, err2, r)
		}
	})
}

// parsed maps words of a rule to its text, or to what the error names.
var parsed = map[string]string{
	"1":         "1",
	"0x10 -p 6": "-p tcp 16",
	"-p TCP --destination-port 80 -d 198.51.100.1/32 4294967295": "-p tcp -d 198.51.100.1 --dport 80 4294967295",
	"-d=198.51.100.77/24 --protocol=udp --dport=1000: 7":         "-p udp -d 198.51.100.0/24 --dport 1000:65535 7",
	"-s 192.0.2.0/255.255.255.0 --sport :1023 -p udp -i eth0 0":  "-p udp -s 192.0.2.0/24 --sport 0:1023 -i eth0 0",
	"-p tcp --dport 0:65535 1":                                   "-p tcp 1",
	"-d 2001:db8::1 -p all 1":                                    "-d 2001:db8::1 1",
	"-d 0.0.0.0/0 1":                                             "-d 0.0.0.0/0 1",
	"-d ::ffff:198.51.100.1 1":                                   "-d 198.51.100.1 1",
	"-d ::ffff:198.51.100.0/120 1":                               "-d 198.51.100.0/24 1",
	"":                                                           "! mark",
	"-p tcp":                                                     "! mark",
	"1 2":                                                        `! word "2"`,
	"4294967296":                                                 `! mark "4294967296"`,
	"-1":                                                         `! option "-1"`,
	"--dport 80 1":                                               `! destination ports "80": accepted: only with a protocol`,
	"--sport 80 1":                                               `! source ports "80": accepted: only with a protocol`,
	"-p icmp 1":                                                  `! -p "icmp"`,
	"-p 1 1":                                                     `! -p "protocol 1"`,
	"-p tcp --dport 0 1":                                         `! --dport "0"`,
	"-p tcp --dport 9:8 1":                                       `! --dport "9:8"`,
	"-p tcp --dport : 1":                                         `! --dport ":"`,
	"-p tcp --dport http 1":                                      `! --dport "http"`,
	"-p tcp -p udp 1":                                            `! option "-p"`,
	"-d www.example.org 1":                                       `! -d "www.example.org"`,
	"-d 198.51.100.0/255.0.255.0 1":                              `! -d "198.51.100.0/255.0.255.0"`,
	"-d fe80::1%eth0 1":                                          `! -d "fe80::1%eth0"`,
	"-d 198.51.100.1 -s 2001:db8::1 1":                           `! source "2001:db8::1/128"`,
	"-i eth+ 1":                                                  `! interface "eth+"`,
	"-i abcdefghijklmnop 1":                                      `! interface "abcdefghijklmnop"`,
	"-d -s 1":                                                    "! -d",
	"-i= 1":                                                      "! -i",
	"! -d 198.51.100.1 1":                                        `! mark "!"`,
	"--dports 1 1":                                               `! option "--dports"`,
}

func TestParseMarkRule(t *testing.T) {
	for words, want := range parsed {
		r, err := service.ParseMarkRule(strings.Fields(words))
		checkParsed(t, words, r.String(), err, want)
	}
}

// checkParsed compares text with what is wanted, or the error with "! start".
func checkParsed(t *testing.T, words, got string, err error, want string) {
	t.Helper()
	start, fails := strings.CutPrefix(want, "! ")
	switch {
	case fails && (err == nil || !strings.HasPrefix(strings.TrimPrefix(err.Error(), "iptables: "), start) || strings.Contains(err.Error(), "\n")):
		t.Errorf("%q: got %q and error %v, want an error that begins with %s", words, got, err, start)
	case fails && !errors.Is(err, service.ErrInvalid) && !errors.Is(err, service.ErrNoMark):
		t.Errorf("%q: error %v wraps neither ErrInvalid nor ErrNoMark", words, err)
	case !fails && (err != nil || got != want):
		t.Errorf("%q: got %q, %v, want %q", words, got, err, want)
	}
}

// TestIptables: each command is applied to the rules "9" and "-p tcp 8".
func TestIptables(t *testing.T) {
	rule := func(s string) service.MarkRule {
		r, err := service.ParseMarkRule(strings.Fields(s))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	was := []service.MarkRule{rule("9"), rule("-p tcp 8"), rule("9")}
	const kept = "9; -p tcp 8; 9"
	for words, want := range map[string]string{
		"-t mangle -A PREROUTING -d 198.51.100.1 -p tcp --dport 80 -j MARK --set-mark 1":  "-p tcp -d 198.51.100.1 --dport 80 1; " + kept,
		"iptables-legacy -t mangle -A PREROUTING -d 198.51.100.0/24 -j MARK --set-mark 1": "-d 198.51.100.0/24 1; " + kept,
		"iptables -A PREROUTING -p tcp --dport 80 -j MARK --set-mark 1":                   "-p tcp -d 0.0.0.0/0 --dport 80 1; " + kept,
		"ip6tables -A PREROUTING -p tcp --dport 80 -j MARK --set-mark 1":                  "-p tcp -d ::/0 --dport 80 1; " + kept,
		"ip6tables -A PREROUTING -d 2001:db8:2::/64 -j MARK --set-mark 1":                 "-d 2001:db8:2::/64 1; " + kept,
		"ip6tables -A PREROUTING -s 2001:db8:4::1 -j MARK --set-mark 1":                   "-s 2001:db8:4::1 1; " + kept,
		"iptables -F":  "",
		"ip6tables -F": kept,
		"-A PREROUTING -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x1/0xffffffff":      "-p tcp --dport 80 1; " + kept,
		"-w -A PREROUTING -p tcp -m multiport --dports 80,443:444 -j MARK --set-mark 1":  "-p tcp --dport 80 1; -p tcp --dport 443:444 1; " + kept,
		"-w 5 --insert PREROUTING -i eth0 -m comment --comment web -j MARK --set-mark 2": kept + "; -i eth0 2",
		"-t mangle -D PREROUTING -j MARK --set-mark 9":                                   "9; -p tcp 8",
		"-D PREROUTING -j MARK --set-mark 7":                                             "! delete mark rule 7",
		"-t mangle -F":                                                                   "",
		"-t mangle -F PREROUTING":                                                        "",
		"-t nat -F PREROUTING":                                                           `! -t "nat"`,
		"-A OUTPUT -j MARK --set-mark 1":                                                 `! -A "OUTPUT"`,
		"-I PREROUTING 2 -j MARK --set-mark 1":                                           `! -I PREROUTING "2"`,
		"-A PREROUTING ! -d 198.51.100.1 -j MARK --set-mark 1":                           `! word "!"`,
		"-A PREROUTING -j DROP":                                                          `! -j "DROP"`,
		"-A PREROUTING -j MARK":                                                          "! target",
		"-A PREROUTING --set-mark 1":                                                     "! target",
		"-j MARK --set-mark 1":                                                           "! command",
		"-A PREROUTING -j MARK --set-mark 1/0xff":                                        `! --set-mark "1/0xff"`,
		"-A PREROUTING -m state --state NEW -j MARK --set-mark 1":                        `! -m "state"`,
		"-A PREROUTING -p tcp --tcp-flags SYN SYN -j MARK --set-mark 1":                  `! option "--tcp-flags"`,
		"-A PREROUTING -m multiport --dports 80,443 -j MARK --set-mark 1":                `! destination ports "80"`,
		"-A PREROUTING -p tcp -m multiport --dports 80,,443 -j MARK --set-mark 1":        `! --dports ""`,
		"-A": "! -A",
		"":   "! command",
	} {
		before := slices.Clone(was)
		got, err := service.EditMarksByIptables(was, strings.Fields(words))
		if !slices.Equal(was, before) {
			t.Fatalf("%q changed its argument", words)
		}
		checkParsed(t, words, marksText(got), err, want)
	}
}

// TestFlushOfOneFamily: -F leaves the rules that are for the other family alone.
func TestFlushOfOneFamily(t *testing.T) {
	var rules []service.MarkRule
	for _, words := range []string{"1", "-d 198.51.100.1 2", "-s 2001:db8::/32 3", "-d ::/0 4"} {
		r, err := service.ParseMarkRule(strings.Fields(words))
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r)
	}
	for words, want := range map[string]string{
		"iptables -F": "-s 2001:db8::/32 3; -d ::/0 4", "ip6tables -F": "1; -d 198.51.100.1 2", "-F": "",
	} {
		if left, err := service.EditMarksByIptables(rules, strings.Fields(words)); err != nil || marksText(left) != want {
			t.Errorf("%s: %q, %v, want %q", words, marksText(left), err, want)
		}
	}
}

func marksText(rules []service.MarkRule) string {
	lines := make([]string, len(rules))
	for i, r := range rules {
		lines[i] = r.String()
	}
	return strings.Join(lines, "; ")
}

// TestSetMarks: the list is replaced as a whole, survives a flush of the
// services, and is part of what differs between tables.
func TestSetMarks(t *testing.T) {
	marks := []service.MarkRule{{Mark: 1, Destination: netip.MustParsePrefix("198.51.100.9/24")}, {Protocol: service.TCP, Mark: 2}}
	table := build(t, addService(vs("198.51.100.1:80")), service.Change{Op: service.SetMarks, Marks: marks})
	if got := marksText(table.Marks()); got != "-d 198.51.100.0/24 1; -p tcp 2" {
		t.Errorf("marks %q", got)
	}
	flushed := table.Flush()
	if len(flushed.Marks()) != 2 || len(flushed.Services()) != 0 {
		t.Errorf("after a flush %d rules, %d services", len(flushed.Marks()), len(flushed.Services()))
	}
	d := service.Diff(service.NewTable(), table)
	if len(d) != 2 || d[0].Op != service.SetMarks || d[0].String() != "set-marks, 2 rules" {
		t.Errorf("diff %v", d)
	}
	if d := service.Diff(table, service.NewTable()); len(d) != 2 || d[1].Op != service.Flush {
		t.Errorf("diff to nothing %v", d)
	}
	if d := service.Diff(table, table); len(d) != 0 {
		t.Errorf("diff to itself %v", d)
	}
	for name, bad := range map[string][]service.MarkRule{
		"rule 2 (-i a/b 1): interface": {{Mark: 1}, {Interface: "a/b", Mark: 1}},
		"number of rules":              make([]service.MarkRule, service.MaxMarkRules+1),
	} {
		if _, err := table.SetMarks(bad); !errors.Is(err, service.ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestVirtualAddresses: what a service is found by for every client is
// virtual, if there is that service.
func TestVirtualAddresses(t *testing.T) {
	marked := service.VirtualService{Key: service.Key{Mark: 1}}
	table := build(t, addService(vs("198.51.100.1:80")), addService(vs("198.51.100.1:81")), addService(marked))
	for words, want := range map[string]string{
		"-d 198.51.100.2 1":                           "[198.51.100.1 198.51.100.2]",
		"-d 198.51.100.1 1":                           "[198.51.100.1]",
		"-p tcp -d 198.51.100.2 --dport 80 -i eth0 1": "[198.51.100.1 198.51.100.2]",
		"-d 198.51.100.2/31 1":                        "[198.51.100.1]",
		"-s 192.0.2.1 -d 198.51.100.2 1":              "[198.51.100.1]",
		"-d 198.51.100.2 2":                           "[198.51.100.1]",
		"-d 198.51.100.2 0":                           "[198.51.100.1]",
		"-d 2001:db8::2 1":                            "[198.51.100.1]",
	} {
		r, err := service.ParseMarkRule(strings.Fields(words))
		if err != nil {
			t.Fatal(err)
		}
		next, err := table.SetMarks([]service.MarkRule{r})
		if got := fmt.Sprint(next.VirtualAddresses()); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", words, got, err, want)
		}
	}
}
