package lesson

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ulvs/control"
	"ulvs/control/api"
)

// httpPort is where the virtual services of most lessons are.
const httpPort = 80

// Serve opens the real servers at a TCP port: whoever connects is told the
// server's name, and then everything it sends is swallowed until it closes.
func (s *Stage) Serve(port uint16) {
	for _, h := range s.Servers {
		s.serveAt(h.Name, port)
	}
}

// serveAt opens one server.
func (s *Stage) serveAt(host string, port uint16) {
	h := s.Host(host)
	var listener net.Listener
	var err error
	entering := h.Do(func() { listener, err = net.Listen("tcp4", fmt.Sprintf(":%d", port)) })
	if entering != nil {
		err = entering
	}
	s.must(err)
	s.shells.closers = append(s.shells.closers, listener)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go attend(c, host)
		}
	}()
}

// attend is a server's side of a connection.
func attend(c net.Conn, name string) {
	_, _ = io.WriteString(c, name+"\n") // a client that is gone is no loss
	got, _ := io.Copy(io.Discard, c)
	if got > 0 {
		_, _ = fmt.Fprintf(c, "%d\n", got)
	}
	_ = c.Close()
}

// Conn is a connection of the client.
type Conn struct {
	*net.TCPConn
	Server string // who has answered
	reader *bufio.Reader
	s      *Stage
	early  int // bytes sent before upload
}

// Try connects the client to dst from its next port and waits for the server's
// name. from is one of the client's addresses, or not valid for the usual one.
func (s *Stage) Try(from netip.Addr, dst netip.AddrPort, limit time.Duration) (*Conn, error) {
	s.port++
	local := &net.TCPAddr{Port: int(s.port)}
	if from.IsValid() {
		local.IP = from.AsSlice()
	}
	d := net.Dialer{LocalAddr: local, Timeout: limit, KeepAlive: -1}
	var conn net.Conn
	var err error
	if entering := s.Client.Do(func() { conn, err = d.DialContext(s.ctx, "tcp4", dst.String()) }); entering != nil {
		err = entering
	}
	if err != nil {
		return nil, err
	}
	c := &Conn{TCPConn: conn.(*net.TCPConn), reader: bufio.NewReader(conn), s: s}
	_ = c.SetDeadline(time.Now().Add(limit))
	line, err := c.reader.ReadString('\n')
	if err != nil {
		_ = c.SetLinger(0)
		_ = c.TCPConn.Close()
		return nil, err
	}
	c.Server = strings.TrimSpace(line)
	return c, nil
}

// Connect connects the client to the lab's virtual service, which has to work.
// It returns when the director has counted the connection.
func (s *Stage) Connect() *Conn { return s.ConnectTo(netip.Addr{}, s.Service()) }

// ConnectTo is Connect from and to other addresses.
func (s *Stage) ConnectTo(from netip.Addr, dst netip.AddrPort) *Conn {
	c, err := s.Try(from, dst, patience)
	s.must(err)
	s.open++
	s.settle()
	return c
}

// Close ends the connection and waits until the director has seen it.
func (c *Conn) Close() {
	_ = c.TCPConn.Close()
	c.s.open--
	c.s.settle()
}

// upload sends n bytes and returns what the server has counted, 0 if that is
// not told within limit.
func (c *Conn) upload(n int, limit time.Duration) (counted int) {
	_ = c.SetDeadline(time.Now().Add(limit))
	_, _ = c.Write(make([]byte, n))
	_ = c.CloseWrite()
	if _, err := fmt.Fscan(c.reader, &counted); err != nil {
		return 0
	}
	return counted - c.early
}

// rest waits until neither side has anything to say any more: a late ACK would
// meet a director that is down, and get RST from its host. A byte of the
// client's acknowledges all that came, and is acknowledged itself.
func (c *Conn) rest() {
	_, err := c.Write([]byte("."))
	c.s.must(err)
	c.early++
	raw, err := c.SyscallConn()
	c.s.must(err)
	for end, waiting := time.Now().Add(patience), 1; waiting > 0; time.Sleep(2 * time.Millisecond) {
		c.s.must(raw.Control(func(fd uintptr) { waiting, err = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) }))
		if err == nil && time.Now().After(end) {
			err = fmt.Errorf("wait for an ACK: not within %v", patience)
		}
		c.s.must(err)
	}
}

// Requests makes n connections one after the other, each closed before the
// next, and returns who has answered.
func (s *Stage) Requests(n int) (servers []string) {
	for range n {
		c := s.Connect()
		servers = append(servers, c.Server)
		c.Close()
	}
	return servers
}

// hurriedRequests is Requests where the director may not see all of it.
func (s *Stage) hurriedRequests(n int) (servers []string) {
	for range n {
		c, err := s.Try(netip.Addr{}, s.Service(), patience)
		s.must(err)
		servers = append(servers, c.Server)
		_ = c.TCPConn.Close()
	}
	return servers
}

// nudge sends a datagram that nobody waits for, so that the client asks for
// the MAC of a.
func (s *Stage) nudge(a netip.Addr) {
	const discard = 9 // RFC 863
	var err error
	entering := s.Client.Do(func() {
		var c net.Conn
		if c, err = net.Dial("udp4", netip.AddrPortFrom(a, discard).String()); err == nil {
			_, err = c.Write([]byte("?"))
			_ = c.Close()
		}
	})
	if entering != nil {
		err = entering
	}
	s.must(err)
}

// settle waits until the director counts as many active connections as are
// open: a packet that changes a count may be on its way when the client's
// call returns.
func (s *Stage) settle() {
	if s.marking {
		s.lookFor(patience/10, s.settled)
		return
	}
	s.await(fmt.Sprintf("the director to count %d active connections", s.open), s.settled)
}

// settled reports whether as many connections are active as are open.
func (s *Stage) settled(st *api.State) bool {
	active := 0
	for _, v := range st.Services {
		for _, r := range v.Servers {
			active += int(r.Active)
		}
	}
	return active == s.open
}

// await looks at the director until ok.
func (s *Stage) await(what string, ok func(*api.State) bool) {
	if !s.lookFor(patience, ok) {
		s.must(fmt.Errorf("wait for %s: not within %v", what, patience))
	}
}

// lookFor looks at the director until ok, or the limit is over, and reports
// which.
func (s *Stage) lookFor(limit time.Duration, ok func(*api.State) bool) bool {
	for end := time.Now().Add(limit); !ok(s.state()); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// state asks the director.
func (s *Stage) state() *api.State {
	st, err := s.control().State(s.ctx)
	s.must(err)
	return st
}

// control is the way to the director's daemon.
func (s *Stage) control() *control.Client {
	if s.api == nil {
		var path string
		var err error
		if entering := s.Director.Do(func() { path, err = control.SocketPath() }); entering != nil {
			err = entering
		}
		s.must(err)
		s.api = control.NewClient(path)
	}
	return s.api
}

// tally counts names: "rs1 3, rs2 1".
func tally(names []string) string {
	counts := map[string]int{}
	var order []string
	for _, n := range names {
		if counts[n]++; counts[n] == 1 {
			order = append(order, n)
		}
	}
	slices.Sort(order)
	for i, n := range order {
		order[i] = fmt.Sprintf("%s %d", n, counts[n])
	}
	return strings.Join(order, ", ")
}
