// Package e2e tests the ulvs binary as a user meets it: network namespaces
// built by package lab, the daemon in the director's, and around it the real
// programs of a distribution: curl and iperf3 as clients, nginx as server,
// ldirectord and prometheus-node-exporter as users of LVS, dumpcap and tshark
// as witnesses, ethtool, nft and setpriv to set the scene.
//
// It owns the end-to-end tests and nothing else: it is not linked into
// anything. It never mocks the kernel, a client or a server, never skips, and
// waits for events instead of for time to pass; where a wait has a limit, the
// limit is the failure.
//
// Each test builds a lab of its own. Tests do not run in parallel: they load
// the machine, and some of them measure.
package e2e
