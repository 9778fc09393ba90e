// Package forwardtest holds forwarding code against what must be true of every
// rewritten packet: it reads as its parsed fields say, its checksums are as
// good or as bad as before, its payload is untouched, and no byte outside the
// frame has changed. Run is the suite that every forwarding method calls.
//
// It never appears in the binary: only tests import it. It keeps no state.
package forwardtest
