// Package probe puts questions on the wire and collects every answer: ARP
// requests, neighbour solicitations, SYNs, SYNs in a tunnel. It owns the packet
// sockets for that, one for each interface, with a filter that lets in answers
// only, so that a busy director does not drown it.
//
// It changes nothing at those it asks: a SYN that is answered is reset at once.
//
// A Prober belongs to one goroutine, and to the network namespace of the thread
// that opened it.
package probe

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"ulvs/wire"
)

// Interface is one to ask on.
type Interface struct {
	Index int
	Name  string
	MAC   wire.MAC
}

// Ports are taken from one block, which the filter knows by its upper bits.
const (
	portBlock = 4096
	portMask  = 0x10000 - portBlock
	// The blocks from 36864 on; the last has ports that some keep for themselves.
	firstBlock, blocks = 9, 6
)

// Prober asks.
type Prober struct {
	conns   map[int]*packet.Conn
	base    uint16 // of the block
	used    int    // ports of it
	answers chan Answer
	readers sync.WaitGroup
}

// Open opens the sockets. It needs CAP_NET_RAW.
func Open(interfaces []Interface) (*Prober, error) {
	p := &Prober{conns: map[int]*packet.Conn{}, base: uint16(firstBlock+rand.N(blocks)) * portBlock,
		answers: make(chan Answer, 1024)}
	program, err := answersOnly(p.base)
	if err != nil {
		return nil, err
	}
	for _, i := range interfaces {
		conn, err := packet.Listen(&net.Interface{Index: i.Index, Name: i.Name, HardwareAddr: i.MAC[:]},
			packet.Raw, unix.ETH_P_ALL, &packet.Config{Filter: program})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open packet socket on %s: %w", i.Name, err), p.Close())
		}
		p.conns[i.Index] = conn
		p.readers.Add(1)
		go p.read(conn, i)
	}
	return p, nil
}

// Close closes the sockets.
func (p *Prober) Close() error {
	var errs []error
	for _, c := range p.conns {
		errs = append(errs, c.Close())
	}
	done := make(chan struct{})
	go func() { p.readers.Wait(); close(done) }()
	for {
		select {
		case <-p.answers: // a reader may be waiting to be rid of it
		case <-done:
			return errors.Join(errs...)
		}
	}
}

// Port is a source port that no other question has; false if there is none
// left.
func (p *Prober) Port() (uint16, bool) {
	if p.used == portBlock {
		return 0, false
	}
	p.used++
	return p.base + uint16(p.used-1), true
}

// read hands over what comes in until the socket is closed.
func (p *Prober) read(conn *packet.Conn, i Interface) {
	defer p.readers.Done()
	buf := make([]byte, wire.Headroom+1<<16)
	for {
		n, _, err := conn.ReadFrom(buf[wire.Headroom:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // the interface went down, for one
			if n == 0 && !errors.Is(err, unix.ENETDOWN) {
				return
			}
			continue
		}
		frame := wire.Packet{Buf: buf, Start: wire.Headroom, End: wire.Headroom + n}
		if a, ok := answerOf(&frame); ok && a.From != i.MAC { // of the host itself: a tap sees both ways
			a.Interface, a.At = i.Index, time.Now()
			p.answers <- a
		}
	}
}

// Question is a frame to be sent and what answers it.
type Question struct {
	Interface int
	Frame     []byte
	// Key is what an answer has: for ARP and neighbours the interface and the
	// address, for a SYN the port alone.
	Key Key
	// Optional: perhaps nobody answers, and that is no reason to wait longer.
	Optional bool
	// Reset makes the frame that ends a connection for which the other has
	// acknowledged ack; nil if there is none to end.
	Reset func(ack uint32) []byte
}

// Key tells answers apart.
type Key struct {
	Interface int
	Addr      wire.Addr
	Port      uint16
}

// How often a question without an answer is put in all, and how far apart
// frames are sent, so that a switch's or a server's limits are not met.
const (
	attempts = 3
	apart    = 200 * time.Microsecond
)

// Ask sends all questions and returns the answers to each. It waits until all
// that are not optional are answered, but not less than least, for more than one
// may answer, and not more than most; in that time it asks again where nobody
// has answered.
func (p *Prober) Ask(questions []Question, least, most time.Duration) (map[Key][]Answer, error) {
	a := asking{p: p, open: map[Key]*Question{}, got: map[Key][]Answer{}, sent: map[Key]time.Time{}}
	for i := range questions {
		q := &questions[i]
		if _, twice := a.open[q.Key]; !twice && !q.Optional {
			a.missing++
		}
		a.open[q.Key] = q
	}
	for try := range attempts {
		begin := time.Now()
		if err := a.send(questions); err != nil {
			return nil, err
		}
		enough := begin.Add(most / attempts)
		if try > 0 {
			least = 0
		}
		a.collect(begin.Add(least), enough)
		if a.missing == 0 {
			break
		}
	}
	return a.got, nil
}

// asking is the state of one Ask.
type asking struct {
	p    *Prober
	open map[Key]*Question
	got  map[Key][]Answer
	sent map[Key]time.Time // last
	// missing counts those of open that have no answer and are not optional.
	missing int
}

// send sends the questions that have no answer.
func (a *asking) send(questions []Question) error {
	for i := range questions {
		q := &questions[i]
		if len(a.got[q.Key]) > 0 {
			continue
		}
		a.sent[q.Key] = time.Now()
		if err := a.p.send(q.Interface, q.Frame); err != nil {
			return err
		}
		if len(questions) > 1 {
			time.Sleep(apart)
		}
		a.takeWaiting()
	}
	return nil
}

// takeWaiting takes the answers that have come already, so that they do not
// fill up what lies between.
func (a *asking) takeWaiting() {
	for {
		select {
		case answer := <-a.p.answers:
			a.take(answer)
		default:
			return
		}
	}
}

// send puts a frame on the wire. An interface that is down takes none, which
// is seen by the answer that does not come.
func (p *Prober) send(index int, frame []byte) error {
	conn, ok := p.conns[index]
	if !ok {
		return fmt.Errorf("send a probe by interface %d: it is not open", index)
	}
	_, err := conn.WriteTo(frame, &packet.Addr{HardwareAddr: frame[:6]})
	if err != nil && !errors.Is(err, unix.ENETDOWN) && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.ENXIO) {
		return fmt.Errorf("send a probe: %w", err)
	}
	return nil
}

// collect takes answers until all have one and the time least has come, or the
// time most.
func (a *asking) collect(least, most time.Time) {
	if most.Before(least) {
		most = least
	}
	for {
		end := most
		if a.missing == 0 {
			end = least
		}
		timer := time.NewTimer(time.Until(end))
		select {
		case answer := <-a.p.answers:
			timer.Stop()
			a.take(answer)
		case <-timer.C:
			return
		}
	}
}

// take keeps an answer to one of the questions, each once.
func (a *asking) take(answer Answer) {
	key := Key{Port: answer.Port}
	if answer.Kind == Resolved {
		key = Key{Interface: answer.Interface, Addr: answer.Addr}
	}
	q, ok := a.open[key]
	if !ok {
		return
	}
	answer.After = answer.At.Sub(a.sent[key])
	if answer.Kind == Accepted && q.Reset != nil {
		_ = a.p.send(q.Interface, q.Reset(answer.Ack)) // the other gives up by itself, only later
	}
	for _, before := range a.got[key] {
		if before.From == answer.From && before.Kind == answer.Kind && before.Interface == answer.Interface {
			return
		}
	}
	if len(a.got[key]) == 0 && !q.Optional {
		a.missing--
	}
	a.got[key] = append(a.got[key], answer)
}
