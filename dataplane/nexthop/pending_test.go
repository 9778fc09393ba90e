package nexthop

import "testing"

func TestPendingTellsWhatIsKnownBeforeTheMAC(t *testing.T) {
	w := newWorld(t)
	for _, dst := range []string{"192.0.2.9", "203.0.113.9"} { // a neighbour, by a gateway
		h := w.Pending(addr(dst))
		if h == nil || h.Port != 0 || h.Src != mac(0xa0) || h.MTU != 1500 || h.Source != addr("192.0.2.1") || !h.Dst.IsZero() {
			t.Errorf("%s: %+v", dst, h)
		}
	}
	for _, dst := range []string{"192.0.2.1", "2001:db8::1", "224.0.0.5"} {
		if h := w.Pending(addr(dst)); h != nil {
			t.Errorf("%s: %+v", dst, h)
		}
	}
}
