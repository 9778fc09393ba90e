package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

// Loop is the forwarder that one writes first: read a packet, change it, write
// it, with two system calls for each. It runs as the Go scheduler likes, on
// any thread of the process, for a goroutine locked to its thread would pay for
// a change of threads with every packet it waits for.
type Loop struct {
	Decode bool // parse each packet with gopacket before
}

// Name implements Contestant.
func (l Loop) Name() string {
	if l.Decode {
		return "packet loop + gopacket"
	}
	return "packet loop"
}

// Wiring implements Contestant.
func (Loop) Wiring() Wiring { return Wiring{} }

// Start implements Contestant.
func (l Loop) Start(_ context.Context, t *Topology) (func() error, error) {
	f := &loopForwarder{t: t, decode: l.Decode}
	if err := t.Director.Do(f.open); err != nil {
		return nil, err
	}
	if f.err != nil {
		return nil, errors.Join(f.err, f.close())
	}
	free, err := pinThreads(t.Place.Director)
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	f.free = free
	f.wg.Go(f.run)
	return f.stop, nil
}

type loopForwarder struct {
	t       *Topology
	decode  bool
	in, out *packet.Conn
	err     error
	free    func() error // undoes the pinning
	done    atomic.Bool
	wg      sync.WaitGroup
}

func (f *loopForwarder) open() {
	if f.in, f.err = listen(f.t.In); f.err == nil {
		f.out, f.err = listen(f.t.Out)
	}
}

func listen(ifname string) (*packet.Conn, error) {
	ifi, err := net.InterfaceByName(ifname)
	if err != nil {
		return nil, fmt.Errorf("find interface %s: %w", ifname, err)
	}
	// All protocols, else the counter at ingress drops the packets before.
	return packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, nil)
}

func (f *loopForwarder) run() {
	buf := make([]byte, 2048)
	addr := &packet.Addr{HardwareAddr: f.t.SinkMAC[:]}
	for {
		n, _, err := f.in.ReadFrom(buf)
		if f.done.Load() {
			return // what the closed socket's error is depends on the library
		}
		if err != nil || f.decode && !decodes(buf[:n]) {
			continue
		}
		copy(buf[0:6], f.t.SinkMAC[:])
		copy(buf[6:12], f.t.OutMAC[:])
		_, _ = f.out.WriteTo(buf[:n], addr) // a lost packet shows in the count
	}
}

// decodes parses a frame as such a program does and reports whether it is one
// for a service.
func decodes(frame []byte) bool {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	ip, _ := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	udp, _ := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	return ip != nil && udp != nil && udp.DstPort == layers.UDPPort(discard.Port)
}

func (f *loopForwarder) stop() error {
	f.done.Store(true)
	err := f.close()
	f.wg.Wait()
	return errors.Join(err, f.free())
}

func (f *loopForwarder) close() error {
	var errs []error
	for _, conn := range []*packet.Conn{f.in, f.out} {
		if conn != nil {
			errs = append(errs, conn.Close())
		}
	}
	return errors.Join(errs...)
}
