package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"ulvs/service"
)

// The services of real traffic.
var (
	iperfService = Endpoint{service.TCP, 5201}
	httpService  = Endpoint{service.TCP, 80}
)

// traffic builds a topology with a contestant in it and runs f.
func traffic(ctx context.Context, e *Env, c Contestant, place Placement, s Endpoint,
	f func(*Topology) (Sample, error),
) (out Sample, err error) {
	t, err := newTopology(ctx, e, layout{wiring: c.Wiring(), place: place, services: []Endpoint{s}})
	if err != nil {
		return nil, err
	}
	defer t.close()
	stop, err := c.Start(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name(), err)
	}
	defer func() { err = errors.Join(err, stop()) }()
	return f(t)
}

// Metrics of bulk TCP and connections.
var (
	metricBits        = Metric{Unit: "Gbit/s", Title: "Gbit/s received"}
	metricRetransmits = Metric{Unit: "retransmits", Title: "retransmits", Lower: true}
	metricConnections = Metric{Unit: "conn/s", Title: "connections/s"}
	metricFailed      = Metric{Unit: "failed", Title: "failed", Lower: true}
)

// bulk measures one stream of iperf3.
func bulk(c Contestant, place Placement, full time.Duration) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, e *Env) (Sample, error) {
		return traffic(ctx, e, c, place, iperfService, func(t *Topology) (Sample, error) {
			server, err := start(command{ns: t.Server, cpu: place.Server, name: iperfProgram.path(), args: []string{"-s", "-4", "--forceflush"}})
			if err != nil {
				return nil, err
			}
			defer server.stop()
			if err := awaitListening(ctx, server, iperfService.Port); err != nil {
				return nil, err
			}
			seconds := max(1, int(e.lasts(full).Round(time.Second).Seconds())) // iperf3 knows whole ones
			text, err := output(ctx, command{
				ns: t.Client, cpu: place.Client, name: iperfProgram.path(),
				args: []string{"-c", t.VIP.String(), "-J", "-t", strconv.Itoa(seconds)},
			})
			if err != nil {
				return nil, err
			}
			return parseIperf(text)
		})
	}
}

// parseIperf reads the client's JSON.
func parseIperf(text []byte) (Sample, error) {
	var r struct {
		End struct {
			Sent     struct{ Retransmits float64 } `json:"sum_sent"`
			Received struct {
				Bits float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		}
		Error string
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("read report of iperf3: %w", err)
	}
	if r.Error != "" || r.End.Received.Bits == 0 {
		return nil, fmt.Errorf("iperf3 received nothing: %s", r.Error)
	}
	return Sample{metricBits.Unit: r.End.Received.Bits / 1e9, metricRetransmits.Unit: r.End.Sent.Retransmits}, nil
}

// connectionRate measures connections of one request each, by wrk against nginx.
func connectionRate(c Contestant, place Placement, full time.Duration) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, e *Env) (Sample, error) {
		return traffic(ctx, e, c, place, httpService, func(t *Topology) (Sample, error) {
			nginx := Proxy{program: nginxProgram, config: "nginx-server.conf", args: []string{"-e", "stderr", "-c"}}
			stop, err := startConfigured(ctx, t, nginx, command{ns: t.Server, cpu: place.Server, group: true})
			if err != nil {
				return nil, err
			}
			defer stop()
			seconds := max(1, int(e.lasts(full).Round(time.Second).Seconds()))
			text, err := output(ctx, command{
				ns: t.Client, cpu: place.Client, name: wrkProgram.path(),
				args: []string{"-t1", "-c64", fmt.Sprintf("-d%ds", seconds), "-H", "Connection: close", "http://" + t.VIP.String() + "/"},
			})
			if err != nil {
				return nil, err
			}
			return parseWrk(string(text))
		})
	}
}

// Lines of wrk's report.
var (
	wrkRate   = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkErrors = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
	wrkStatus = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
)

// parseWrk reads its report. Each request was a connection.
func parseWrk(text string) (Sample, error) {
	m := wrkRate.FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("wrk reports no rate: %.200q", text)
	}
	rate, err := strconv.ParseFloat(m[1], 64)
	if err != nil || rate == 0 {
		return nil, fmt.Errorf("wrk had no request answered: %.200q", text)
	}
	failed := 0.0
	for _, pattern := range []*regexp.Regexp{wrkErrors, wrkStatus} {
		if m := pattern.FindStringSubmatch(text); m != nil {
			for _, n := range m[1:] {
				f, _ := strconv.ParseFloat(n, 64) // digits
				failed += f
			}
		}
	}
	return Sample{metricConnections.Unit: rate, metricFailed.Unit: failed}, nil
}
