package top

import (
	"math"

	"ulvs/control/api"
)

// usable reports whether a server gets new connections: its weight is above 0
// and it is not over its upper threshold. One that was over it and has not come
// down to the lower one is taken for usable; the state does not tell.
func usable(s *api.ServerState) bool {
	return s.Weight > 0 && (s.Upper == 0 || uint64(s.Active)+uint64(s.Inactive) < uint64(s.Upper))
}

// promised returns the part of new connections that each server is to get by
// its weight and the scheduler's rule, NaN for all if no server is usable. Of
// schedulers that go by load, or by a hash of client or destination, it is what
// they come to with many clients and connections of like length.
func promised(scheduler string, servers []api.ServerState) []float64 {
	due, sum := make([]float64, len(servers)), 0.0
	for i := range servers {
		if usable(&servers[i]) {
			due[i] = claim(scheduler, &servers[i])
			sum += due[i]
		}
	}
	if scheduler == "fo" || scheduler == "ovf" {
		sum = onlyFirst(due)
	}
	for i := range due {
		if sum == 0 {
			due[i] = math.NaN()
		} else {
			due[i] /= sum
		}
	}
	return due
}

// claim is what a usable server is to get in proportion to the others.
func claim(scheduler string, s *api.ServerState) float64 {
	switch scheduler {
	case "rr", "lc", "dh": // weights do not count
		return 1
	case "ovf":
		if uint64(s.Active) > uint64(s.Weight) { // has no room
			return 0
		}
	}
	return float64(s.Weight)
}

// onlyFirst leaves only the largest, the first of equals, and returns it.
func onlyFirst(due []float64) (most float64) {
	first := -1
	for i, d := range due {
		if d > most {
			first, most = i, d
		}
	}
	for i := range due {
		if i != first {
			due[i] = 0
		}
	}
	return most
}
