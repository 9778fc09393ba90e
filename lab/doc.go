// Package lab builds small networks in network namespaces (a client, the
// director, real servers, and what joins them), runs the real ulvs binary in
// the director's, sends real HTTP requests through it and compares who
// answered with what the scheduler promises. The lab face prints that; the
// end-to-end tests build the same networks with Build and run curl, nginx,
// iperf3 or tcpdump inside.
//
// It owns the topologies, the hosts' processes and the sandbox: the lab's
// process is started again as the first of a process, mount and network
// namespace of its own (and of a user namespace where it is not root), so
// that whatever it has started dies with it, also when it is killed. It never
// touches the network, the files or the processes of the machine outside, and
// never runs ip, sysctl or another program to set something up.
//
// A Lab and its Hosts may be used from several goroutines; Close ends it for
// all of them.
package lab
