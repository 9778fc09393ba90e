package bench

import (
	"time"
)

// pings is an entry of round trips.
func pings(c Contestant, p Placement, s Endpoint, full, interval time.Duration) Entry {
	return Entry{
		Name: c.Name(), Placement: p, Lasts: full + around, Needs: needs(c, p),
		Measure: roundTrips(c, p, s, full, interval),
	}
}

func roundTripUDP() Experiment {
	kernel, own := "kernel routing, server across", nat.Name()+", director across"
	x := Experiment{
		Name: "round-trip-udp", Title: "UDP round trip, one in flight",
		About:   "32 bytes to and fro by blocking sockets; the next request as soon as the answer is there.",
		Metrics: []Metric{metricP50, metricP99, metricP999, metricLost},
		Bars: []Bar{
			{What: "NAT, adaptive polling, p50 against kernel routing across the same cores", Of: own, Metric: "us-p50", Against: []string{kernel}, Most: 1},
			{What: "NAT, adaptive polling, p99 against its own p50", Of: own, Metric: "us-p99", AgainstMetric: "us-p50", Against: []string{own}, Most: 2},
		},
	}
	for _, e := range []struct {
		c Contestant
		p Placement
	}{
		{Route{}, EndsAcross}, {nat, Across}, {nat, EndsAcross}, {dr, Across}, {natThroughput, Across}, {DNAT{}, EndsAcross},
		{Route{}, SameCore}, {nat, SameCore},
	} {
		x.Entries = append(x.Entries, pings(e.c, e.p, echoUDP, pingsLast, 0))
	}
	return x
}

func roundTripTCP() Experiment {
	x := Experiment{
		Name: "round-trip-tcp", Title: "TCP round trip, one in flight",
		About:   "The same over one TCP connection.",
		Metrics: []Metric{metricP50, metricP99, metricP999, metricLost},
	}
	for _, e := range []struct {
		c Contestant
		p Placement
	}{{Route{}, EndsAcross}, {nat, Across}, {HAProxy, Across}, {Route{}, SameCore}, {nat, SameCore}, {HAProxy, SameCore}} {
		x.Entries = append(x.Entries, pings(e.c, e.p, echoTCP, pingsLast, 0))
	}
	return x
}

func roundTripSlow() Experiment {
	kernel, own := "kernel routing, server across", nat.Name()+", director across"
	x := Experiment{
		Name: "round-trip-slow", Title: "UDP round trip at 10 packets/s",
		About:   "A request every 100 ms: everybody has gone to sleep in between.",
		Metrics: []Metric{metricP99, metricP50, metricLost},
		Bars: []Bar{
			{What: "NAT, default mode, p99 above that of kernel routing", Of: own, Metric: "us-p99", Against: []string{kernel}, Difference: true, Most: 200},
		},
	}
	for _, e := range []struct {
		c Contestant
		p Placement
	}{{Route{}, EndsAcross}, {nat, Across}, {nat, EndsAcross}} {
		x.Entries = append(x.Entries, pings(e.c, e.p, echoUDP, slowLasts, 100*time.Millisecond))
	}
	return x
}

func roundTripLoaded() Experiment {
	x := Experiment{
		Name: "round-trip-loaded", Title: "UDP round trip under half of the load that is possible",
		About:   "One in flight, beside small packets of 60,000 flows at half the rate that came through when the same contestant was flooded just before.",
		Metrics: []Metric{metricP50, metricP99, metricP999, metricLost, metricHalf, metricRate},
	}
	for _, e := range []struct {
		c Contestant
		p Placement
	}{{Route{}, SteeredCore}, {DNAT{}, SteeredCore}, {nat, Across}, {dr, Across}} {
		x.Entries = append(x.Entries, Entry{
			Name: e.c.Name(), Placement: e.p, Lasts: 2*saturatedFor + pingsLast + around, Needs: needs(e.c, e.p),
			Measure: loadedTrips(e.c, e.p, pingsLast),
		})
	}
	return x
}

func idleExperiment() Experiment {
	return Experiment{
		Name: "idle", Title: "the daemon without traffic",
		About:   "Processor time of all its threads while no packet comes.",
		Metrics: []Metric{metricIdle},
		Entries: []Entry{{Name: "ulvs", Placement: Free, Lasts: idleLasts + around, Measure: idle(nat, idleLasts)}},
		Bars:    []Bar{{What: "no traffic", Of: "ulvs", Metric: "%core", Most: 1}},
	}
}

func collectorExperiment() Experiment {
	return Experiment{
		Name: "collector", Title: "garbage collections under steady load",
		About:   "200,000 packets/s over 1,000 flows; collections that GODEBUG=gctrace=1 reports once the connections are made.",
		Metrics: []Metric{metricCollections, metricRate, metricOffered},
		Entries: []Entry{{Name: nat.Name(), Placement: OwnCore, Lasts: collectorLasts + around, Measure: collections(nat, collectorLasts)}},
		Bars:    []Bar{{What: "collections", Of: nat.Name(), Metric: "collections", Most: 0}},
	}
}

func startExperiment() Experiment {
	return Experiment{
		Name: "start-up", Title: "from start to forwarding",
		About:   "ulvs run, ipvsadm -R of 1,000 services with 10 servers each, until a packet of the last service reaches a server.",
		Metrics: []Metric{metricStart},
		Entries: []Entry{{Name: "ulvs", Placement: OwnCore, Lasts: 2 * time.Second, Measure: startUp(nat)}},
		Bars:    []Bar{{What: "1,000 services x 10 servers", Of: "ulvs", Metric: "ms", Most: 1000}},
	}
}

func changeExperiment() Experiment {
	return Experiment{
		Name: "weight-change", Title: "changing one weight under load",
		About:   "1,000 services x 10 servers, 300,000 packets/s over 1,000 flows of one of them, a weight of its changed 20 times a second.",
		Metrics: []Metric{metricPackets, metricChanges, metricOffered},
		Entries: []Entry{{Name: nat.Name(), Placement: OwnCore, Lasts: 5 * time.Second, Measure: changeWeight(nat, 2*time.Second)}},
		Bars:    []Bar{{What: "packets lost", Of: nat.Name(), Metric: "lost-packets", Most: 0}},
	}
}

// inMemory is an entry that is a process of its own.
func inMemory(name, part string, lasts time.Duration) Entry {
	return Entry{Name: name, Placement: InProcess, Lasts: lasts, Measure: inProcess(part)}
}

func pipelineHits() Experiment {
	return Experiment{
		Name: "pipeline", Title: "packets of known connections, without a kernel",
		About:   "The worker on ports in memory: receive, parse, look-up, state, rewrite, next hop, queue, send, release. Connections drawn at random.",
		Metrics: []Metric{metricPerPacket, metricAllocs, metricBytes},
		Entries: []Entry{
			inMemory("DR, 10,000 connections", "hit-dr-10k", time.Second),
			inMemory("NAT, 10,000 connections", "hit-nat-10k", time.Second),
			inMemory("NAT, 1,000,000 connections", "hit-nat-1m", 2*time.Second),
			inMemory("NAT, 10,000,000 connections", "hit-nat-10m", 10*time.Second),
		},
		Bars: []Bar{
			{What: "DR, 10,000 connections", Of: "DR, 10,000 connections", Metric: "ns/packet", Most: 45},
			{What: "NAT, 10,000 connections", Of: "NAT, 10,000 connections", Metric: "ns/packet", Most: 60},
			{What: "allocations, DR", Of: "DR, 10,000 connections", Metric: "allocs/packet", Most: 0},
			{What: "allocations, NAT", Of: "NAT, 10,000 connections", Metric: "allocs/packet", Most: 0},
			{What: "10,000,000 connections at random", Of: "NAT, 10,000,000 connections", Metric: "ns/packet", Most: 200},
			{What: "memory per IPv4 connection at 10,000,000", Of: "NAT, 10,000,000 connections", Metric: "B/conn", Most: 128},
		},
	}
}

func pipelineNews() Experiment {
	return Experiment{
		Name: "new-connections", Title: "first packets of connections, without a kernel",
		About:   "The same worker; NAT, wlc, 1,000 servers.",
		Metrics: []Metric{metricPerPacket, metricAllocs},
		Entries: []Entry{inMemory("wlc, 1,000 servers", "new", 3*time.Second)},
		Bars:    []Bar{{What: "new connection", Of: "wlc, 1,000 servers", Metric: "ns/packet", Most: 400}},
	}
}

func pipelineExpiry() Experiment {
	return Experiment{
		Name: "expiry", Title: "a million connections made in one second, expiring",
		About:   "The same worker, in real time: how long batches of other connections take, upkeep included, in a quiet second before and while the million expire.",
		Metrics: []Metric{metricGrowth, metricP99, metricWorst},
		Entries: []Entry{inMemory("1,000,000 UDP connections", "expiry", 6*time.Second)},
		Bars:    []Bar{{What: "growth of forwarding p99", Of: "1,000,000 UDP connections", Metric: "us-growth", Most: 1000}},
	}
}
