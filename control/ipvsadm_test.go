package control

import (
	"context"
	"strings"
	"testing"

	"ulvs/ipvsadm"
)

var _ ipvsadm.Env = (*Env)(nil)

// TestIpvsadmOverTheSocket types a tutorial's commands at a server.
func TestIpvsadmOverTheSocket(t *testing.T) {
	env, err := NewEnv(context.Background(), StartOptions{Socket: serve(t, newFakeBackend())})
	if err != nil {
		t.Fatal(err)
	}
	defer env.Close()
	for _, c := range []struct {
		line, stdout, stderr string
		code                 int
	}{
		{line: "-C"},
		{line: "-A -t 198.51.100.1:80 -s wrr"},
		{line: "-a -t 198.51.100.1:80 -r 203.0.113.1 -g -w 1"},
		{line: "-a -t 198.51.100.1:80 -r 203.0.113.2 -m -w 2 -x 9"},
		{line: "-A -t 198.51.100.1:80", stderr: "Service already exists\n", code: 255},
		{line: "-d -t 198.51.100.2:80 -r 203.0.113.1", stderr: "Service not defined\n", code: 255},
		{line: "-a -t 198.51.100.1:80 -r 0.0.0.0", code: 255,
			stderr: "Invalid operation.  Possibly wrong module version, address not unicast, ...\n"},
		{line: "-Ln", stdout: "IP Virtual Server version 1.2.1 (size=4096)\n" +
			"Prot LocalAddress:Port Scheduler Flags\n" +
			"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n" +
			"TCP  198.51.100.1:80 wrr\n" +
			"  -> 203.0.113.1:80               Route   1      3          0         \n" +
			"  -> 203.0.113.2:80               Masq    2      3          0         \n"},
		{line: "-L --timeout", stdout: "Timeout (tcp tcpfin udp): 900 120 300\n"},
		{line: "-Lcn", stdout: "IPVS connection entries\n" +
			"pro expire state       source             virtual            destination\n"},
		{line: "-Z -t 198.51.100.1:80"},
	} {
		var stdout, stderr strings.Builder
		code := ipvsadm.Run(env, "ipvsadm", strings.Fields(c.line), nil, &stdout, &stderr)
		if code != c.code || stdout.String() != c.stdout || stderr.String() != c.stderr {
			t.Errorf("%s: exit %d\n%s%s", c.line, code, stdout.String(), stderr.String())
		}
	}
}
