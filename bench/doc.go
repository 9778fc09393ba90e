// Package bench measures packet forwarders against each other on namespaces of
// its own: one at a time, in interleaved rounds, the median of which it reports
// with the extremes.
//
// It owns the topology, the generator, the sink, the forwarders that ulvs is
// compared with, and the report. It never measures the network of the machine it
// runs on, and it changes nothing outside its namespaces but the processor
// affinity of its own threads.
//
// first.go is the first comparison; topology.go builds client, director and
// server; generator.go offers the packets; counter.go counts and drops them;
// measure.go does one measurement; bare.go and loop.go are forwarders to
// compare with; report.go prints.
//
// Threads: each forwarder and generator runs on a thread of its own, fixed to a
// processor; measurements follow one another.
package bench
