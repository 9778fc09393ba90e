package dataplane

import "ulvs/wire"

// svcKey is the exact-match part of a service lookup.
type svcKey struct {
	addr  wire.Addr
	port  uint16
	proto uint8
}

// serviceSet finds a service by its key: an open-addressed table at most a
// quarter full, built once and never changed. A map takes 15 ns more for each
// new connection.
type serviceSet struct {
	slots []serviceSlot
	mask  uint32
}

type serviceSlot struct {
	key     svcKey
	service *Service // nil: free
}

// newServiceSet makes a set with room for n services.
func newServiceSet(n int) serviceSet {
	size := uint32(8)
	for int(size) < 4*n {
		size *= 2
	}
	return serviceSet{slots: make([]serviceSlot, size), mask: size - 1}
}

func (s *serviceSet) home(k *svcKey) uint32 {
	w0, w1 := k.addr.Words()
	return uint32((w0^w1^uint64(k.port)<<8^uint64(k.proto))*0x9e3779b97f4a7c15>>40) & s.mask
}

// add puts a service in whose key is not there yet.
func (s *serviceSet) add(k svcKey, svc *Service) {
	i := s.home(&k)
	for s.slots[i].service != nil {
		i = (i + 1) & s.mask
	}
	s.slots[i] = serviceSlot{k, svc}
}

// get returns the service of a key, nil if there is none.
func (s *serviceSet) get(k *svcKey) *Service {
	if len(s.slots) == 0 {
		return nil
	}
	for i := s.home(k); s.slots[i].service != nil; i = (i + 1) & s.mask {
		if s.slots[i].key == *k {
			return s.slots[i].service
		}
	}
	return nil
}
