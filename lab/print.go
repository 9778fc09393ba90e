package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// A reporter tells the user what happens, or, for JSON, nothing until the
// end. What cannot be written cannot be reported either, so errors of the
// writer are not looked at.
type reporter struct {
	w    io.Writer
	json bool
}

// say prints a paragraph.
func (r reporter) say(format string, args ...any) {
	if !r.json {
		fmt.Fprintf(r.w, format+"\n", args...)
	}
}

// sketches show the way of a packet in each mode.
var sketches = map[string]string{
	DR: `
              request                       MAC rewritten
   client ------------------> director ---------------------> rs1, rs2, ...
     ^                                                              |
     '---------------------------- reply ---------------------------'`,
	NAT: `
              request                  destination rewritten
   client ------------------> director ---------------------> rs1, rs2, ...
          <------------------          <---------------------
               reply                      source rewritten back`,
	TUN: `
              request                   in a tunnel, by a router
   client ------------------> director ---------------------> rs1, rs2, ...
     ^                                                              |
     '------------------- reply, by the router ---------------------'`,
}

// titles name the modes.
var titles = map[string]string{DR: "direct routing", NAT: "NAT (masquerading)", TUN: "IP tunnelling"}

// head prints what is going to be shown.
func (r reporter) head(o Options) {
	weights := strings.Trim(strings.ReplaceAll(fmt.Sprint(o.Weights), " ", ":"), "[]")
	r.say("LVS lab: %s, scheduler %s, %d real servers with weights %s", titles[o.Mode], o.Scheduler, o.Servers, weights)
	r.say("%s\n", sketches[o.Mode])
}

// topology prints every address and MAC.
func (r reporter) topology(hosts []HostResult) {
	if r.json {
		return
	}
	t := tabwriter.NewWriter(r.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "HOST\tPID\tINTERFACE\tNETWORK\tMAC\tADDRESS\tGATEWAY\tNOTE")
	for _, h := range hosts {
		name, pid, gateway := h.Name, fmt.Sprint(h.PID), h.Gateway
		for _, i := range h.Interfaces {
			for n, addr := range i.Addrs {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, pid, i.Name, i.Network, i.MAC, addr, gateway, note(i, n))
				name, pid, gateway = "", "", ""
			}
		}
	}
	_ = t.Flush()
	r.say("")
}

// note is the remark on address n of an interface: it is about the last.
func note(i Interface, n int) string {
	if n == len(i.Addrs)-1 {
		return i.Note
	}
	return ""
}

// command prints a command as typed, with its output.
func (r reporter) command(c Command) {
	r.say("%s# %s", c.Host, c.Line)
	if out := strings.TrimRight(c.Output, "\n"); out != "" {
		r.say("%s", out)
	}
}

// verdict prints the distribution and whether it is the promised one.
func (r reporter) verdict(res *Result) {
	if r.json {
		encoder := json.NewEncoder(r.w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(res)
		return
	}
	r.say("")
	t := tabwriter.NewWriter(r.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SERVER\tADDRESS\tWEIGHT\tPROMISED\tANSWERED\tSHARE")
	for _, s := range res.Servers {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%s\n", s.Name, s.Addr, s.Weight, s.Promised, s.Answered, bar(s.Answered, res.Requests))
	}
	_ = t.Flush()
	r.say("\n%s: %d of %d requests answered in %.2f s, %s", res.Mode, res.answered(), res.Requests, res.Seconds, res.sentence())
}

// sentence is the verdict.
func (r *Result) sentence() string {
	switch {
	case r.OK:
		return fmt.Sprintf("shared out exactly as %s promises: OK", r.Scheduler)
	case r.Failures > 0:
		return fmt.Sprintf("%d not: FAILED (first: %s)", r.Failures, r.Problem)
	}
	return fmt.Sprintf("not shared out as %s promises: FAILED", r.Scheduler)
}

// bar draws n of all as at most 40 signs.
func bar(n, all int) string { return strings.Repeat("#", n*40/max(all, 1)) }

// kept prints how to enter and remove a lab that stays up. Entering its mount
// and process namespaces too makes the process ids that ulvs names the right
// ones.
func (r reporter) kept(l *Lab, pid int) {
	enter := fmt.Sprintf("nsenter -t %d -m -n -p -u", l.Director.PID)
	if inUserNamespace {
		enter = fmt.Sprintf("nsenter -t %d -U --preserve-credentials -m -n -p -u", l.Director.PID)
	}
	r.say("\nThe lab stays up. A shell on the director (for another host, its PID from the table above):")
	r.say("  %s", enter)
	r.say("and in it, for example:\n  %s ipvsadm -L -n --stats", l.binary)
	r.say("The bridges are on the host of PID %d. To remove the lab:\n  kill %d", l.Switch.PID, pid)
}
