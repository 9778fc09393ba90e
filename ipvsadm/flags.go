package ipvsadm

import (
	"slices"
	"strings"
)

// flagNames are the names of a scheduler's flags, by bit; the other schedulers
// have flag-1, flag-2 and flag-3 without a meaning.
var flagNames = map[string][]string{
	"sh": {"sh-fallback", "sh-port"},
	"mh": {"mh-fallback", "mh-port"},
}

var anyFlagNames = []string{"flag-1", "flag-2", "flag-3"}

// schedFlags reads the argument of -b for a scheduler into its canonical form:
// the scheduler's own names in the order of bits.
func schedFlags(arg, scheduler string) ([]string, error) {
	var given [3]bool
	for name := range strings.SplitSeq(arg, ",") {
		if name == "" {
			continue
		}
		bit, owner := findFlag(name)
		if bit < 0 {
			return nil, usage("invalid scheduler flag `%s'", name)
		}
		if owner != "" && owner != scheduler {
			return nil, usage("incompatible scheduler flag `%s'", name)
		}
		given[bit] = true
	}
	var flags []string
	for bit, name := range namesFor(scheduler) {
		if given[bit] {
			flags = append(flags, name)
		}
	}
	return flags, nil
}

// namesFor returns the flags that a scheduler knows. A bit beyond them has no
// effect and is not shown, so it is not kept.
func namesFor(scheduler string) []string {
	if names, ok := flagNames[scheduler]; ok {
		return names
	}
	return anyFlagNames
}

// findFlag returns the bit of a flag and the scheduler that alone has it.
func findFlag(name string) (bit int, owner string) {
	for scheduler, names := range flagNames {
		if bit := slices.Index(names, name); bit >= 0 {
			return bit, scheduler
		}
	}
	return slices.Index(anyFlagNames, name), ""
}
