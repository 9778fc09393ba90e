package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ulvs/lab"
)

// rulesLimit is how long a thousand rules may take from the start of ipvsadm -R
// to its end, when packets follow them.
const rulesLimit = 300 * time.Millisecond

// TestThousandRules: a thousand rules are there at once, whatever they are. A
// machine that is busy with other things may need a second or third try.
func TestThousandRules(t *testing.T) {
	n := bare(t, lab.Config{Mode: lab.NAT, Servers: 1})
	n.start()
	s := n.login(t)
	for name, rules := range map[string]string{
		"50 services by DR": services(50, 19, "-g"), "50 services by NAT": services(50, 19, "-m"), "one service": services(1, 999, "-m"),
	} {
		check(t, os.WriteFile(filepath.Join(s.dir, "rules"), []byte(rules), 0o600))
		for try := 1; ; try++ {
			s.does("ipvsadm -C")
			start := time.Now()
			s.does("ipvsadm -R < rules")
			took := time.Since(start)
			t.Logf("%s: %v", name, took.Round(time.Millisecond))
			if took <= rulesLimit {
				break
			}
			if try == 3 {
				t.Errorf("%s: 1000 rules take %v, want %v at most", name, took, rulesLimit)
				break
			}
		}
		if got := strings.Count(s.does("ipvsadm -Sn"), "\n"); got != 1000 {
			t.Errorf("%s: %d rules are there", name, got)
		}
		saved := s.does("ulvs save")
		if s.does("ulvs save > saved && ipvsadm-restore < saved"); s.does("ulvs save") != saved {
			t.Errorf("%s: restored is not what was saved", name)
		}
	}
}

// services are rules for services with so many real servers each.
func services(count, servers int, method string) string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, "-A -t 198.51.100.%d:80 -s wrr\n", i+1)
		for j := range servers {
			fmt.Fprintf(&b, "-a -t 198.51.100.%d:80 -r 203.0.113.%d:%d %s -w 1\n", i+1, j%250+1, 80+j/250*1000, method)
		}
	}
	return b.String()
}
