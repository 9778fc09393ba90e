// Package pcapfilter compiles filters as tcpdump takes them, the larger part of
// pcap-filter(7), and matches Ethernet frames with them in a few nanoseconds,
// without allocating.
//
// What there is:
//
//	host A, src host A, dst host A      an address; the word host may be left out,
//	                                    even of a lone address, unlike in tcpdump
//	net A/LEN, net A mask M             a network, src and dst as above
//	port N, portrange N-M               TCP, UDP or SCTP; src and dst as above
//	ip, ip6, arp, rarp                  by ether type
//	tcp, udp, sctp, icmp, icmp6, igmp, esp, ah, gre
//	ip proto N, ip6 proto N, proto N    N a number or one of the names above
//	tcp[tcpflags] & (tcp-syn|tcp-fin) != 0, == 0, or == flags
//
// ip, ip6, arp, tcp, udp, sctp before host, net or port restrict it ("tcp dst
// port 80", "ip6 net 2001:db8::/32"); "src or dst" and "src and dst" are
// directions too. Terms are joined by and (&&), or (||), of equal precedence,
// from left to right, and negated by not (!); parentheses group. A value alone
// takes the words of the one before: "port 80 or 443", "host (192.0.2.1 or
// 192.0.2.2)".
//
// Names are not resolved. IPv6 extension headers are not followed, as tcpdump
// does not follow them. Unlike in tcpdump, where reading beyond the end of a
// frame rejects it, a field that a frame is too short for has no value, so that
// a negated term about it holds.
//
// There is no compiler of such filters in Go with releases to rely on. The own
// one is held against tcpdump's by a test. It matches several times faster than
// the virtual machine of golang.org/x/net/bpf runs tcpdump's program
// (BenchmarkMatch), which is what the packet path needs.
package pcapfilter
