package ipvsadm

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"ulvs/control/api"
)

// sorted returns the services in ipvsadm's order, each with its real servers
// in order too.
func sorted(services []api.ServiceState) []api.ServiceState {
	out := slices.Clone(services)
	for i := range out {
		out[i].Servers = slices.Clone(out[i].Servers)
		mergeSort(out[i].Servers, compareServers)
	}
	mergeSort(out, compareServices)
	return out
}

// compareServices orders by mark, family, protocol, address and port. The
// differences wrap around in 32 bits as they do in ipvsadm, so 10.0.0.0 comes
// after 198.51.100.0.
func compareServices(a, b *api.ServiceState) int32 {
	return first(
		int32(a.Mark-b.Mark),
		family(a.Is6())-family(b.Is6()),
		int32(a.Protocol)-int32(b.Protocol),
		addrDifference(a.Addr, b.Addr),
		int32(a.Port)-int32(b.Port),
	)
}

// compareServers orders by family, address and port.
func compareServers(a, b *api.ServerState) int32 {
	return first(
		family(a.Addr.Is6())-family(b.Addr.Is6()),
		addrDifference(a.Addr, b.Addr),
		int32(a.Port)-int32(b.Port),
	)
}

// first returns the first difference that is not 0.
func first(differences ...int32) int32 {
	for _, d := range differences {
		if d != 0 {
			return d
		}
	}
	return 0
}

func family(is6 bool) int32 {
	if is6 {
		return 1
	}
	return 0
}

// addrDifference subtracts addresses of one family word by word.
func addrDifference(a, b netip.Addr) int32 {
	if !a.IsValid() || !b.IsValid() {
		return 0
	}
	x, y := a.As16(), b.As16()
	for i := 0; i < 16; i += 4 {
		if d := int32(binary.BigEndian.Uint32(x[i:]) - binary.BigEndian.Uint32(y[i:])); d != 0 {
			return d
		}
	}
	return 0
}

// mergeSort sorts top down, splitting in the middle and taking from the left
// if compare is not positive. Wrapped differences are no order (a < b < c < a
// happens), so the result depends on the way of sorting, and this is the way
// of the C library that the recordings were made with.
func mergeSort[T any](list []T, compare func(a, b *T) int32) {
	if len(list) < 2 {
		return
	}
	middle := len(list) / 2
	left, right := slices.Clone(list[:middle]), slices.Clone(list[middle:])
	mergeSort(left, compare)
	mergeSort(right, compare)
	for i := range list {
		if len(right) == 0 || len(left) > 0 && compare(&left[0], &right[0]) <= 0 {
			list[i], left = left[0], left[1:]
		} else {
			list[i], right = right[0], right[1:]
		}
	}
}
