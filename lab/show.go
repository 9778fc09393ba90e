package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// show builds the lab, runs the requests and prints everything. It returns
// the lab, nil if it was not built, also with an error.
func show(ctx context.Context, o Options) (*Lab, error) {
	r := reporter{w: os.Stdout, json: o.JSON}
	r.head(o)
	l, err := Build(Config{Mode: o.Mode, Servers: o.Servers, Tunnel: o.Tunnel, Forward: o.Mode == NAT, Binary: o.Binary})
	if err != nil {
		return nil, err
	}
	res := &Result{Version: ResultVersion, Mode: o.Mode, Scheduler: o.Scheduler, Requests: o.Requests,
		VIP: l.Service(), Hosts: hostResults(l), Servers: serverResults(l, o)}
	r.topology(res.Hosts)
	if err := play(ctx, l, o, res, r); err != nil {
		return l, err
	}
	r.verdict(res)
	if o.Keep {
		pid, err := outerPID(int(outerProc.Fd()))
		if err != nil {
			return l, err
		}
		r.kept(l, pid)
	}
	if !res.OK {
		return l, errors.New(o.Mode + ": " + res.sentence())
	}
	return l, nil
}

// play is the lab's plot: servers, director, rules, requests.
func play(ctx context.Context, l *Lab, o Options, res *Result, r reporter) error {
	if err := l.Serve(); err != nil {
		return err
	}
	if o.Mode == TUN {
		if err := l.startDecaps(res, r); err != nil {
			return err
		}
	}
	if err := l.startDirector(ctx, o, res, r); err != nil {
		return err
	}
	if err := l.typeRules(ctx, o, res, r); err != nil {
		return err
	}
	return l.send(ctx, o, res, r)
}

func (l *Lab) startDecaps(res *Result, r reporter) error {
	if err := l.Decap(); err != nil {
		return err
	}
	for _, h := range l.Servers {
		res.typed(r, h, fmt.Sprintf("ulvs decap --director %s --vip %s%s", l.Director.Addr(), l.VIP, l.tunnelFlags()), "")
	}
	return nil
}

func (l *Lab) startDirector(ctx context.Context, o Options, res *Result, r reporter) error {
	if _, err := l.StartDirector(ctx, o.DirectorArgs...); err != nil {
		return err
	}
	res.typed(r, l.Director, strings.Join(append([]string{"ulvs run"}, o.DirectorArgs...), " "), "")
	return nil
}

// typeRules types what the LVS guides have one type.
func (l *Lab) typeRules(ctx context.Context, o Options, res *Result, r reporter) error {
	for _, line := range l.Rules(o.Scheduler, o.Weights) {
		if err := l.typeRule(ctx, line, res, r); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) typeRule(ctx context.Context, line string, res *Result, r reporter) error {
	out, err := l.Ipvsadm(ctx, line)
	if err != nil {
		return err
	}
	res.typed(r, l.Director, "ipvsadm "+line, out)
	return nil
}

// send makes the requests and compares.
func (l *Lab) send(ctx context.Context, o Options, res *Result, r reporter) error {
	counts, err := l.Promise(o.Scheduler, o.Weights, o.Requests)
	if err != nil {
		return err
	}
	for i, n := range counts {
		res.Servers[i].Promised = n
	}
	r.say("\nclient: %d requests for %s, a connection each\n", o.Requests, l.URL())
	tally, err := l.Requests(ctx, l.URL(), o.Requests)
	if err != nil {
		return err
	}
	res.judge(tally)
	return l.typeRule(ctx, "-L -n", res, r)
}

// typed notes a command and prints it.
func (r *Result) typed(out reporter, h *Host, line, output string) {
	c := Command{Host: h.Name, Line: line, Output: output}
	r.Commands = append(r.Commands, c)
	out.command(c)
}
