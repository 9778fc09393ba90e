// Package wiretest makes frames for tests and judges frames that tests get
// back: builders that return a parsed *wire.Packet with headroom, checkers
// that read a frame through gopacket, an independent decoder, and slow obvious
// checksums as oracles.
//
// It never appears in the binary: only tests import it. Bad literals panic,
// since they are the test's own bug. Nothing here keeps state.
package wiretest
