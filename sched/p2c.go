package sched

// powerOfTwo draws two different usable servers at random, by weight, and takes
// the one with less load per weight, the first drawn if they are equal: ours,
// not in ip_vs, which has twos.
//
//	first  drawn with probability weight / sum of the usable weights
//	second drawn likewise among the others
//	load   = (256 * active + inactive) / weight
//
// Against wlc it does not send everybody to the one server that looks best:
// several directors, or one with stale counts, do not herd. Against twos it
// compares two servers always, and a pick costs O(log n): O(n) only when nearly
// all weight is over its thresholds. A change costs O(n). The picks follow from
// Config.Seed and the counts.
type powerOfTwo struct{ lots }

func newPowerOfTwo(c *Config) Scheduler { return &powerOfTwo{lots{seed: c.Seed}} }

func (p *powerOfTwo) Name() string { return "p2c" }

// Pick takes what a walk found as it is: hardly any server is open then.
func (p *powerOfTwo) Pick(*Flow) *Server {
	first, at := p.draw()
	if at < 0 {
		return first
	}
	return lessLoaded(first, p.drawOther(at))
}
