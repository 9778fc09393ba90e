// Package sysctl holds the settings that ip_vs has below
// /proc/sys/net/ipv4/vs: their names, defaults, ranges and meaning, and the
// values in force as one plain struct. It changes nothing by itself, reads no
// file and knows nobody who uses a setting. Settings is a value: copy it, change
// the copy, hand it over; nothing here is shared between goroutines.
package sysctl
