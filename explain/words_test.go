package explain_test

import (
	"strings"
	"testing"
	"time"

	"ulvs/explain"
	"ulvs/wire"
)

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"tcp 192.0.2.7:40000 > 198.51.100.1:80 SYN":          "tcp 192.0.2.7:40000 > 198.51.100.1:80 SYN, ttl 64, 40 bytes",
		"tcp 192.0.2.7:40000>198.51.100.1:80":                "tcp 192.0.2.7:40000 > 198.51.100.1:80 SYN, ttl 64, 40 bytes",
		"TCP 192.0.2.7:40000 -> 198.51.100.1:80 syn+ack":     "tcp 192.0.2.7:40000 > 198.51.100.1:80 SYN+ACK, ttl 64, 40 bytes",
		"tcp 192.0.2.7:40000 > 198.51.100.1:80 FA len=5":     "tcp 192.0.2.7:40000 > 198.51.100.1:80 FIN+ACK, ttl 64, 45 bytes",
		"tcp 192.0.2.7:40000 > 198.51.100.1:80 none ttl=9":   "tcp 192.0.2.7:40000 > 198.51.100.1:80 none, ttl 9, 40 bytes",
		"+1.5s udp 192.0.2.7:1 > 198.51.100.1:53 df":         "udp 192.0.2.7:1 > 198.51.100.1:53, ttl 64, 28 bytes",
		"sctp [2001:db8::7]:1 > [2001:db8::1]:9 COOKIE-ECHO": "sctp [2001:db8::7]:1 > [2001:db8::1]:9 COOKIE-ECHO, ttl 64, 56 bytes",
		"sctp 192.0.2.7:1 > 198.51.100.1:9":                  "sctp 192.0.2.7:1 > 198.51.100.1:9 INIT, ttl 64, 52 bytes",
		"icmp 192.0.2.7 > 198.51.100.1 echo":                 "icmp 192.0.2.7 > 198.51.100.1 echo, ttl 64, 28 bytes",
		"icmp [2001:db8::7] > [2001:db8::1]":                 "icmp6 2001:db8::7 > 2001:db8::1 echo, ttl 64, 48 bytes",
	} {
		if got := one(t, engine(t), text)[0].Packet.Summary; got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if w, err := explain.ParseWords("+1.5s tcp 192.0.2.7:1 > 198.51.100.1:80 x3"); err != nil || w.Delay != 1500*time.Millisecond || w.Repeat != 3 {
		t.Errorf("%+v, %v", w, err)
	}
	all := one(t, engine(t), "tcp 192.0.2.7:65535 > 198.51.100.1:80 x2")
	if len(all) != 2 || !strings.Contains(all[1].Packet.Summary, "192.0.2.7:1 ") {
		t.Errorf("%d packets", len(all))
	}
}

// TestBadWords: the message has the word and what is accepted, in one line.
func TestBadWords(t *testing.T) {
	for text, want := range map[string]string{
		"":    "want [+DELAY] tcp|udp|sctp|icmp SRC > DST",
		"tcp": "want [+DELAY]",
		"tcp 192.0.2.7:1 198.51.100.1:80 SYN ACK":       "want [+DELAY]",
		"gre 192.0.2.7:1 > 198.51.100.1:80":             `protocol "gre": want tcp, udp, sctp or icmp`,
		"tcp 192.0.2.7 > 198.51.100.1:80":               `source "192.0.2.7": want an address and a port`,
		"tcp 192.0.2.7:1 > 198.51.100.1:70000":          `destination "198.51.100.1:70000": want an address and a port`,
		"tcp 192.0.2.7:1 > [2001:db8::1]:80":            "want two of IPv4 or two of IPv6",
		"tcp [::ffff:192.0.2.7]:1 > 198.51.100.1:80":    `source "[::ffff:192.0.2.7]:1": want`,
		"tcp [fe80::1%eth0]:1 > [2001:db8::1]:80":       `source "[fe80::1%eth0]:1": want`,
		"icmp 192.0.2.7:1 > 198.51.100.1":               `source "192.0.2.7:1": want an address without a port`,
		"tcp 192.0.2.7:1 > 198.51.100.1:80 SIN":         `"SIN": want flags such as SYN`,
		"sctp 192.0.2.7:1 > 198.51.100.1:80 SYN":        `"SYN": want a chunk such as INIT`,
		"udp 192.0.2.7:1 > 198.51.100.1:80 SYN":         `"SYN": want len=N, ttl=N, df or xN`,
		"udp 192.0.2.7:1 > 198.51.100.1:80 len=70000":   `len "70000": want a number of 0 to 60000`,
		"udp 192.0.2.7:1 > 198.51.100.1:80 ttl=x":       `ttl "x": want a number of 0 to 255`,
		"udp 192.0.2.7:1 > 198.51.100.1:80 x0":          `repetition "0": want a number of 1 to 100000`,
		"+soon udp 192.0.2.7:1 > 198.51.100.1:80":       `delay "+soon": want a time such as +1.5s`,
		"tcp 192.0.2.7:1 > 198.51.100.1:80 \x1b[31mSYN": `"\x1b[31mSYN": want flags`,
	} {
		_, err := explain.ParseWords(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// FuzzParseWords: no text breaks the parser, and what it takes is a whole
// packet.
func FuzzParseWords(f *testing.F) {
	f.Add("tcp 192.0.2.7:40000 > 198.51.100.1:80 SYN")
	f.Add("+1.5s sctp [2001:db8::7]:1>[2001:db8::1]:9 DATA len=9 x3")
	f.Add("icmp [2001:db8::7] > [2001:db8::1] echo ttl=1 df")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := explain.ParseWords(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Fatalf("%q: the message goes to a terminal: %q", text, err)
			}
			return
		}
		w.Repeat = min(w.Repeat, 2)
		w.Packets("fuzz", 0, func(p *explain.Packet) {
			q := wire.Packet{Buf: p.Frame.Data, End: len(p.Frame.Data), Offload: p.Frame.Offload}
			if fault := wire.Parse(&q); fault != wire.FaultNone || q.Proto != w.Proto || q.TTL != w.TTL {
				t.Fatalf("%q: %v %x", text, fault, p.Frame.Data)
			}
		})
	})
}

// TestRules: what is wrong with a rules file is said with its line.
func TestRules(t *testing.T) {
	for text, want := range map[string]string{
		"-A -t 198.51.100.1:80\n-A -t 198.51.100.1:80\n": "r:2: -A -t 198.51.100.1:80: ",
		"\n# x\n-A -t 198.51.100.1:80 -s best\n":         "r:3: -A -t 198.51.100.1:80 -s best: ",
		"-L -n\n":                                        "want a command that changes rules",
		"-a -t 198.51.100.1:80 -r 203.0.113.1:80 -g\n":   "r:1: ",
		"-A -t 198.51.100.1:80 \x1b[2J\n":                "r:1: ",
	} {
		e, err := explain.New(10, 1)
		if err != nil {
			t.Fatal(err)
		}
		err = e.LoadRules("r", text, explain.Numeric{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q: %q, want %s", text, err, want)
		}
	}
}
