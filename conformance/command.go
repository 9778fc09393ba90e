package conformance

import (
	"fmt"
	"strings"
	"time"
)

// statsLag is how old the kernel's statistics may be.
const statsLag = 2200 * time.Millisecond

// lagging reports whether the kernel's statistics may lack packets.
func (p *player) lagging() bool { return p.now < p.busy+statsLag }

// command does a recorded ipvsadm command and compares what it says.
func (p *player) command(s *Step) {
	if strings.HasPrefix(s.Cmd, "ipvsadm -Z") && p.lagging() {
		p.blurred = true
	}
	got := p.run(s.Cmd)
	p.advance(p.now) // what the command made due
	p.round()
	want := s.Out.Command
	if want == nil {
		return
	}
	if got.RC != want.RC || got.Stderr != want.Stderr {
		p.differ(commands, answerText(want), answerText(&got))
		return
	}
	switch {
	case strings.Contains(s.Cmd, "--rate"):
		// Averages of moments that the kernel chooses: every two seconds.
	case strings.Contains(s.Cmd, "--stats") && (p.blurred || p.lagging()):
		// The kernel refreshes these every two seconds: what was recorded lags.
	case strings.HasPrefix(want.Stdout, "IPVS connection entries"):
		p.afterDue(func() { p.compareConns(listedConns(want.Stdout)) })
	case want.Stdout != got.Stdout:
		p.differ(commands, fmt.Sprintf("%q", want.Stdout), fmt.Sprintf("%q", got.Stdout))
	}
}

func answerText(a *Answer) string { return fmt.Sprintf("exit code %d %q", a.RC, a.Stderr) }

// listedConns turns the lines of ipvsadm -Lcn into those of a recording.
func listedConns(text string) (all []string) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		var minutes, seconds int
		if len(f) < 6 {
			continue
		}
		if n, _ := fmt.Sscanf(f[1], "%d:%d", &minutes, &seconds); n != 2 {
			continue
		}
		all = append(all, fmt.Sprintf("%s %s %s %s %s %d", f[0], f[3], f[4], f[5], f[2], minutes*60+seconds))
	}
	return all
}
