// Package bench measures ulvs against other forwarders, on namespaces of its
// own: one contestant at a time, in interleaved rounds, the medians of which it
// reports with their ranges, their ratios and the bars they are held to.
//
// It owns the experiments, the topology, the generators, the sink, the
// contestants with their configurations, and the reports. It never measures the
// network of the machine it runs on, and it changes nothing outside its
// namespaces but the processor affinity of its own threads.
//
// experiments.go and experiments_time.go are what is measured, as data
// (experiment.go says what that is made of, placement.go where it runs);
// runner.go runs it. topology.go builds client, director and servers;
// process.go starts programs there. Contestants: director.go is ulvs, bare.go
// and loop.go are ours, kernel.go and proxy.go others', configured by the files
// in config. Workloads: measure.go (small packets), traffic.go (iperf3, wrk),
// latency.go and loaded.go, upkeep.go and collector.go (the daemon's life), parts.go (the pipeline in memory).
// report.go and the files named for its forms print; results holds what is
// worth keeping.
//
// Threads: each forwarder, generator, client and server runs on a thread or
// process of its own, fixed to the processor that the placement names;
// measurements follow one another. One thread starts all processes, so that
// they end with us whatever happens.
package bench
