package sim

// about says in a sentence what each scheduler does, for who reads a report
// and no code. docs/schedulers.md says it exactly.
var about = map[string]string{
	"rr":     "Round robin: one after the other, whatever they are and do.",
	"wrr":    "Weighted round robin: one after the other, those with more weight more often.",
	"lc":     "Least connections: the server with the fewest; an active one counts as 256 inactive ones.",
	"wlc":    "Weighted least connections: the fewest for its weight. The default of ip_vs.",
	"sed":    "Shortest expected delay: the fewest active ones for its weight, counting the new one too.",
	"nq":     "Never queue: an idle server if there is one, else as sed.",
	"lblc":   "Locality: a destination stays at its server until that one is overloaded; else as wlc.",
	"lblcr":  "Locality with replication: a destination has a set of servers that grows when it is hot.",
	"dh":     "Destination hashing: the destination's address decides.",
	"sh":     "Source hashing: the client's address decides.",
	"mh":     "Maglev hashing: the client's address decides, and few clients move when servers change.",
	"fo":     "Failover: the server with the greatest weight gets everything.",
	"ovf":    "Overflow: the server with the greatest weight until it has as many connections as its weight, then the next.",
	"twos":   "Two choices as in ip_vs: draws two servers by weight, perhaps the same twice, and takes the less loaded.",
	"p2c":    "Power of two choices: draws two different servers by weight and takes the less loaded.",
	"random": "Random: draws a server by weight.",
	"rdv":    "Rendezvous hashing: the client's address decides, by weight, and only clients of a server that leaves move.",
}

// glossary explains the columns.
var glossary = [][2]string{
	{"mean, p50, p99, p99.9", "The response time, from the client's first packet to its last: the mean, and the times that 50, 99 and 99.9 of 100 requests stay below. Users feel p99."},
	{"max/mean use", "How busy the busiest server is, compared with the mean of all. 1 is perfect."},
	{"Jain", "Jain's fairness index of how busy servers are: 1 if all are alike, towards 0 if few do everything."},
	{"waiting", "Requests that stand in a queue somewhere, on average."},
	{"failed", "Connections that were refused, never answered, or for which there was no server."},
	{"cache hits", "Requests whose answer the server still had in its cache."},
	{"same server", "Clients (or destinations) that met the same server as the time before."},
	{"moved", "Clients (or destinations) that met another server after one left, though their own is still there."},
	{"rush share, rush peak", "The part of all new connections that went to a server that had just joined, and the most requests it had at once."},
}
