// Package doctor looks at a director's host and neighbours and says what will
// not work, why, and what to type against it. It changes nothing: what it sends
// are questions (ARP requests, neighbour solicitations, SYNs that it resets
// itself), and those can be left out.
//
// It has two halves. Look and the probes gather Facts; the checks turn Facts
// into Findings without any I/O, so that each can be tested with facts made up.
// The findings that there are stand in Definitions, the single list behind
// "ulvs doctor --list" and docs/doctor.md.
package doctor
