// Package explain shows the way of single packets through a Director of its own:
// what was parsed, which service matched, what the scheduler saw, what became
// of the connection, what was rewritten, and why.
//
// An Engine is a whole pipeline on two interfaces in memory; nothing in it is
// made for show. It gets packets (words by ParseWords, captures by OpenCapture)
// and gives a Record of each, which Text, Brief, Group and JSON print. Time is
// that of the packets. Records hold addresses, numbers and names of ours, never
// bytes of a packet as text.
package explain
