package sched

import "slices"

// hasFlag reports whether a flag is among flags by its name or its number:
// flag-1 and flag-2 are the bits that sh calls sh-fallback and sh-port, mh
// mh-fallback and mh-port (kernel include/uapi/linux/ip_vs.h,
// IP_VS_SVC_F_SCHED1 and 2).
func hasFlag(flags []string, name, number string) bool {
	return slices.Contains(flags, name) || slices.Contains(flags, number)
}
