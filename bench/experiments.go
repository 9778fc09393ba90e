package bench

import (
	"fmt"
	"time"

	"ulvs/dataplane/afpacket"
	"ulvs/service"
)

// Lengths of measurements.
const (
	packetsLast = 1300 * time.Millisecond
	bulkLasts   = 2 * time.Second
	ratesLast   = 2 * time.Second
	pingsLast   = 1500 * time.Millisecond
	slowLasts   = 4 * time.Second
	idleLasts   = 4 * time.Second
	lossLasts   = 5 * time.Second
	// collectorLasts is time for many, were there some garbage in each packet.
	collectorLasts = 2 * time.Second
	noiseLasts     = 2 * time.Second
	// around is what comes to each: hosts and contestant are set up, warmed up
	// and removed.
	around = 1500 * time.Millisecond
)

// lossRate is offered where nothing may be lost, in packets per second.
const lossRate = 500_000

// The contestants that occur more than once.
var (
	bareV3        = Bare{Ring: afpacket.Geometry{Version: afpacket.V3}}
	bareV2        = Bare{}
	bareXDP       = Bare{Ring: bareV3.Ring, XDP: true}
	dr            = Director{Method: service.DR}
	nat           = Director{Method: service.NAT}
	tun           = Director{Method: service.Tunnel}
	drThroughput  = Director{Method: service.DR, Args: []string{"--throughput"}}
	natThroughput = Director{Method: service.NAT, Args: []string{"--throughput"}}
	drPacket      = Director{Method: service.DR, Args: []string{"--send", "packet"}}
)

// Experiments returns all of them, in the order of a report.
func Experiments() []Experiment {
	return []Experiment{
		noiseExperiment(), smallPackets(), oneCore(), flowCounts(), workerCounts(), lossExperiment(),
		bulkTCP(), connectionRates(),
		roundTripUDP(), roundTripTCP(), roundTripSlow(), roundTripLoaded(),
		idleExperiment(), collectorExperiment(), startExperiment(), changeExperiment(),
		pipelineHits(), pipelineNews(), pipelineExpiry(),
	}
}

// flood is the load of an entry of small packets.
func flood(c Contestant, p Placement) Entry {
	return Entry{
		Name: c.Name(), Placement: p, Lasts: packetsLast + around, Needs: needs(c, p),
		Measure: packets(c, p, Load{Flows: DefaultFlows, Duration: packetsLast}),
	}
}

// needs are the programs of a contestant in its place.
func needs(c Contestant, p Placement) (out []program) {
	switch c := c.(type) {
	case DNAT:
		out = append(out, nftProgram)
	case Proxy:
		out = append(out, c.program)
	}
	if p.Threaded {
		out = append(out, ethtoolProgram)
	}
	return out
}

func smallPackets() Experiment {
	bare := []string{bareV3.Name(), bareV2.Name()}
	dnat := []string{"nftables DNAT, " + SenderCore.Name, "nftables DNAT, " + OneCore.Name, "nftables DNAT, " + SteeredCore.Name}
	return Experiment{
		Name: "small-packets", Title: "small UDP packets, saturated",
		About:   "60-byte UDP frames (64 on a wire) of 60,000 flows, flooded by the kernel's own source; scheduler wlc.",
		Metrics: []Metric{metricRate, metricOffered, metricPacket},
		Entries: []Entry{
			flood(bareV3, OwnCore), flood(bareV2, OwnCore), flood(bareXDP, OwnCore),
			flood(dr, OwnCore), flood(drThroughput, OwnCore), flood(drPacket, OwnCore),
			flood(nat, OwnCore), flood(natThroughput, OwnCore),
			flood(DNAT{}, SenderCore), flood(DNAT{}, OneCore), flood(DNAT{}, SteeredCore),
			flood(Loop{}, OwnCore), flood(Loop{Decode: true}, OwnCore),
		},
		Bars: []Bar{
			{What: "DR, default mode, against the best bare ring by sendmmsg", Of: dr.Name(), Metric: "kpps", Against: bare, Least: 0.88},
			{What: "DR, throughput mode, against the best bare ring by sendmmsg", Of: drThroughput.Name(), Metric: "kpps", Against: bare, Least: 0.95},
			{What: "NAT, default mode, against the best bare ring by sendmmsg", Of: nat.Name(), Metric: "kpps", Against: bare, Least: 0.84},
			{What: "NAT, throughput mode, against the best bare ring by sendmmsg", Of: natThroughput.Name(), Metric: "kpps", Against: bare, Least: 0.90},
			{What: "NAT against nftables DNAT in its best placement", Of: nat.Name(), Metric: "kpps", Against: dnat, Least: 1},
			{What: "DR against the packet loop with gopacket", Of: dr.Name(), Metric: "kpps", Against: []string{Loop{Decode: true}.Name()}, Least: 4},
		},
	}
}

func oneCore() Experiment {
	return Experiment{
		Name: "one-core", Title: "small UDP packets, the whole director on one core",
		About:   "The same load; reception, forwarding and transmission share one processor.",
		Metrics: []Metric{metricRate, metricOffered, metricPacket},
		Entries: []Entry{
			flood(bareV3, OneCore), flood(dr, OneCore), flood(nat, OneCore), flood(natThroughput, OneCore),
			flood(DNAT{}, OneCore), flood(Route{}, OneCore),
		},
		Bars: []Bar{
			{What: "NAT against nftables DNAT", Of: nat.Name(), Metric: "kpps", Against: []string{DNAT{}.Name()}, Least: 0.75},
			{What: "NAT, throughput mode, against nftables DNAT", Of: natThroughput.Name(), Metric: "kpps", Against: []string{DNAT{}.Name()}, Least: 0.75},
		},
	}
}

func flowCounts() Experiment {
	x := Experiment{
		Name: "flows", Title: "small UDP packets by number of flows", XTitle: "flows",
		About:   "The same load over few and many flows, each packet's drawn at random.",
		Metrics: []Metric{metricRate, metricOffered, metricPacket},
		Bars: []Bar{
			{What: "DR, 1,000,000 flows against its own 1,000", Of: "ulvs DR, 1000000 flows", Metric: "kpps", Against: []string{"ulvs DR, 1000 flows"}, Least: 0.85},
		},
	}
	for _, flows := range []int{1, 1000, 60_000, 1_000_000} {
		l := Load{Flows: flows, Duration: packetsLast}
		c := Director{Method: service.DR}
		if flows > 500_000 { // twice as many connections, lest the table be full
			c.Args = []string{"--capacity", fmt.Sprint(2 * flows)}
		}
		x.Entries = append(x.Entries, Entry{
			Name: fmt.Sprintf("ulvs DR, %d flows", flows), Placement: OwnCore, X: float64(flows),
			Lasts: l.warmup() + packetsLast + around, Measure: packets(c, OwnCore, l),
		})
	}
	return x
}

func workerCounts() Experiment {
	x := Experiment{
		Name: "workers", Title: "small UDP packets by number of workers", XTitle: "workers",
		About:   "The same load; on two processors the second worker shares one with the generator.",
		Metrics: []Metric{metricRate, metricOffered},
	}
	for _, n := range []int{1, 2} {
		c := Director{Method: service.DR, Args: []string{"--workers", fmt.Sprint(n)}}
		e := flood(c, Free)
		e.X = float64(n)
		x.Entries = append(x.Entries, e)
	}
	return x
}

func lossExperiment() Experiment {
	x := Experiment{
		Name: "loss", Title: "packets lost at 500,000 packets/s",
		About:   "60-byte UDP frames of 60,000 flows, paced one by one by the kernel's own source.",
		Metrics: []Metric{metricLoss, metricRate, metricOffered},
	}
	for _, c := range []Contestant{dr, nat} {
		x.Entries = append(x.Entries, Entry{
			Name: c.Name(), Placement: OwnCore, Lasts: lossLasts + around,
			Measure: packets(c, OwnCore, Load{Flows: DefaultFlows, Rate: lossRate, Duration: lossLasts}),
		})
	}
	for _, c := range []Director{dr, nat} {
		x.Bars = append(x.Bars,
			Bar{What: c.Name() + ", default mode", Of: c.Name(), Metric: "%lost", Most: 0},
			Bar{What: c.Name() + ", really offered", Of: c.Name(), Metric: "kpps-offered", Least: 0.98 * lossRate / 1e3},
		)
	}
	return x
}

func bulkTCP() Experiment {
	x := Experiment{
		Name: "bulk-tcp", Title: "one TCP stream",
		About:   "iperf3 with the interfaces' default offloads, MTU 1500; the servers of DR and TUN answer directly.",
		Metrics: []Metric{metricBits, metricRetransmits},
	}
	for _, c := range []Contestant{Route{}, DNAT{}, HAProxy, HAProxySplice, NginxStream, nat, dr, tun} {
		x.Entries = append(x.Entries, Entry{
			Name: c.Name(), Placement: Free, Lasts: bulkLasts + around, Needs: append(needs(c, Free), iperfProgram),
			Measure: bulk(c, Free, bulkLasts),
		})
	}
	proxies := []string{HAProxy.name, HAProxySplice.name}
	for _, c := range []Director{nat, dr} {
		x.Bars = append(x.Bars,
			Bar{What: c.Name() + " against kernel routing", Of: c.Name(), Metric: "Gbit/s", Against: []string{Route{}.Name()}, Least: 0.8},
			Bar{What: c.Name() + " against HAProxy TCP", Of: c.Name(), Metric: "Gbit/s", Against: proxies, Least: 1.8},
		)
	}
	x.Bars = append(x.Bars, Bar{What: tun.Name() + " against HAProxy TCP", Of: tun.Name(), Metric: "Gbit/s", Against: proxies, Least: 0.8})
	return x
}

func connectionRates() Experiment {
	x := Experiment{
		Name: "connections", Title: "short TCP connections",
		About:   "wrk, 64 at a time, one request each (Connection: close), against nginx.",
		Metrics: []Metric{metricConnections, metricFailed},
		Bars: []Bar{
			{What: "NAT against nftables DNAT", Of: nat.Name(), Metric: "conn/s", Against: []string{DNAT{}.Name()}, Least: 1.2},
			{What: "NAT against HAProxy TCP", Of: nat.Name(), Metric: "conn/s", Against: []string{HAProxy.name}, Least: 1.4},
		},
	}
	for _, c := range []Contestant{Route{}, DNAT{}, HAProxy, NginxStream, nat, dr} {
		x.Entries = append(x.Entries, Entry{
			Name: c.Name(), Placement: Free, Lasts: ratesLast + around, Needs: append(needs(c, Free), nginxProgram, wrkProgram),
			Measure: connectionRate(c, Free, ratesLast),
		})
	}
	return x
}
