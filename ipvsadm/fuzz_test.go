package ipvsadm

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// FuzzRestore gives arbitrary lines to -R. Nothing may panic, and what -S
// writes afterwards must, given to -R, make the same table.
func FuzzRestore(f *testing.F) {
	for _, seed := range []string{
		"-A -t 198.51.100.1:80 -s rr\n-a -t 198.51.100.1:80 -r 203.0.113.1:80 -m -w 1\n",
		"-A -u 198.51.100.1:53 -s sh -b sh-port,flag-1 -p 60 -M 255.255.0.0 --pe sip -o\n",
		"-A -f 7 -6 -s mh -p\n-a -f 7 -6 -r 2001:db8:3::1 -i --tun-type gue --tun-port 5555 --tun-csum\n",
		"-A -t [2001:db8:2::1]:80 -s fo -p 300 -M 64\n-Z\n--set 1 2 3\n-Lcn --exact\n",
		"ipvsadm -At198.51.100.1:0x50 -p=7\n# x\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, rules string) {
		env := newFakeEnv()
		restoreInto(env, rules)
		first := saved(env)
		if strings.Contains(first, " -f -") {
			return // a mark over 2^31 is written as a negative number, which -R refuses
		}
		again := newFakeEnv()
		if code := restoreInto(again, first); code != 0 {
			t.Fatalf("saved rules are not taken back (exit %d):\n%s", code, first)
		}
		if second := saved(again); second != first {
			t.Errorf("saved:\n%s\nrestored and saved again:\n%s", first, second)
		}
	})
}

func restoreInto(env Env, rules string) int {
	return Run(env, "ipvsadm", []string{"-R"}, strings.NewReader(rules), io.Discard, io.Discard)
}

func saved(env Env) string {
	var out strings.Builder
	Run(env, "ipvsadm-save", []string{"-n"}, nil, &out, io.Discard)
	return out.String()
}

// FuzzParse gives arbitrary words to Parse, which must not panic and fails
// with an ExitError only.
func FuzzParse(f *testing.F) {
	for _, file := range []string{"01-words.txt", "02-values.txt", "03-checks.txt"} {
		for _, s := range readRecording(f, "testdata/grammar/"+file) {
			f.Add(strings.Join(s.args[1:], "\x00"))
		}
	}
	f.Add("-list\x00=\x00--\x00-")
	f.Add("--start-daemon=master\x00--mcast-group\x00ff02::1")
	f.Add("-A\x00-t\x00[::1%lo]:1\x00-p=\x00-M0x")
	f.Fuzz(func(t *testing.T, line string) {
		_, err := Parse("ipvsadm", strings.Split(line, "\x00"), newFakeEnv())
		var exit *ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Errorf("error of type %T", err)
		}
	})
}
