package sched_test

import "ulvs/sched"

func setWeight(s *sched.Server, weight int32) { s.Weight.Store(weight) }

func setClosed(s *sched.Server, closed bool) { s.Overloaded.Store(closed) }

func setCounts(s *sched.Server, active, inactive int32) {
	s.Active.Store(active)
	s.Inactive.Store(inactive)
}
