package guard

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"ulvs/internal/testns"
)

const (
	tcp = unix.IPPROTO_TCP
	udp = unix.IPPROTO_UDP
)

// topology is a client and a server with the director as the router between them.
type topology struct {
	t                        *testing.T
	client, director, server *testns.NS
	guard                    *Guard
	at                       addresses
}

// addresses of a topology: the client's, the director's toward both sides, the
// server's, and virtual ones: on the director, and not (the server answers
// for it, to show what is forwarded).
type addresses struct {
	name                                    string
	client, near, far, server, vip, elseVIP string
	bits, host                              int
}

var families4and6 = []addresses{
	{"v4", "192.0.2.2", "192.0.2.1", "198.51.100.1", "198.51.100.2", "192.0.2.100", "198.51.100.100", 24, 32},
	{"v6", "2001:db8:1::2", "2001:db8:1::1", "2001:db8:2::1", "2001:db8:2::2", "2001:db8:1::100", "2001:db8:2::100", 64, 128},
}

// each runs a test for both families, with a guard on both of the director's
// interfaces.
func each(t *testing.T, test func(*topology)) {
	for _, at := range families4and6 {
		t.Run(at.name, func(t *testing.T) { test(build(t, at)) })
	}
}

func build(t *testing.T, at addresses) *topology {
	t.Helper()
	top := &topology{t: t, client: testns.New(t), director: testns.New(t), server: testns.New(t), at: at}
	for _, n := range []*testns.NS{top.client, top.director, top.server} {
		n.Sysctl("net/ipv6/conf/all/disable_ipv6", "0")
		n.Sysctl("net/ipv6/conf/default/disable_ipv6", "0")
		n.Sysctl("net/ipv6/conf/all/accept_dad", "0") // link-local addresses at once
		n.Sysctl("net/ipv6/conf/default/accept_dad", "0")
	}
	top.director.Sysctl("net/ipv4/ip_forward", "1")
	top.director.Sysctl("net/ipv6/conf/all/forwarding", "1")
	testns.Veth(t, top.client, "eth0", top.director, "eth0")
	testns.Veth(t, top.director, "eth1", top.server, "eth0")
	top.addr(top.client, "eth0", at.client, at.bits)
	top.addr(top.director, "eth0", at.near, at.bits)
	top.addr(top.director, "eth0", at.vip, at.host)
	top.addr(top.director, "eth1", at.far, at.bits)
	top.addr(top.server, "eth0", at.server, at.bits)
	top.addr(top.server, "lo", at.elseVIP, at.host)
	top.client.Ready("eth0")
	top.director.Ready("eth0", "eth1")
	top.server.Ready("eth0")
	top.client.Route("default", at.near)
	top.server.Route("default", at.far)
	top.guard = open(t, top.director, "eth0", "eth1")
	return top
}

func (top *topology) addr(n *testns.NS, ifname, addr string, bits int) {
	top.t.Helper()
	n.Up(ifname)
	n.Addr(ifname, fmt.Sprintf("%s/%d", addr, bits))
}

func (top *topology) sync(r Rules) {
	top.t.Helper()
	r.Locals = nil
	for _, a := range []string{top.at.near, top.at.far, top.at.vip} {
		r.Locals = append(r.Locals, netip.MustParseAddr(a))
	}
	apply(top.t, top.director, top.guard, r)
}

func endpoint(protocol uint8, addr string, port uint16) Endpoint {
	return Endpoint{Addr: netip.MustParseAddr(addr), Port: port, Proto: protocol}
}

// hostPort is addr:port.
func hostPort(addr string, port int) string { return net.JoinHostPort(addr, fmt.Sprint(port)) }

// socket opens a UDP socket in n at addr:port.
func (top *topology) socket(n *testns.NS, addr string, port int) (c *net.UDPConn) {
	top.t.Helper()
	n.Do(func() {
		l, err := net.ListenPacket("udp", hostPort(addr, port))
		if err != nil {
			top.t.Fatal(err)
		}
		c = l.(*net.UDPConn)
		top.t.Cleanup(func() { c.Close() })
	})
	return c
}

// send sends a datagram of size bytes to addr:port.
func (top *topology) send(c *net.UDPConn, addr string, port, size int) {
	top.t.Helper()
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(port)))
	if _, err := c.WriteTo(make([]byte, size), to); err != nil {
		top.t.Fatal(err)
	}
}

// receive waits for one datagram.
func (top *topology) receive(c *net.UDPConn) {
	top.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, _, err := c.ReadFrom(make([]byte, 4096)); err != nil {
		top.t.Fatalf("%v: %v", c.LocalAddr(), err)
	}
}

// wantNothing checks that no datagram is there. Call it when one sent later on
// the same way has arrived.
func (top *topology) wantNothing(c *net.UDPConn) {
	top.t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		top.t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		if n, _, err := unix.Recvfrom(int(fd), make([]byte, 64), unix.MSG_DONTWAIT); err != unix.EAGAIN {
			top.t.Errorf("%v has a datagram: %d bytes, %v", c.LocalAddr(), n, err)
		}
	})
}

func TestServiceIsHiddenFromTheHostAndOtherPortsAreNot(t *testing.T) {
	each(t, func(top *topology) {
		vip := top.at.vip
		top.sync(Rules{Services: []Endpoint{endpoint(udp, vip, 53), endpoint(tcp, vip, 54)}})
		tap := top.tap(unix.ETH_P_ALL)
		service, other := top.socket(top.director, vip, 53), top.socket(top.director, vip, 54)
		from := top.socket(top.client, top.at.client, 5000)
		top.send(from, vip, 53, 40)
		top.send(from, vip, 54, 41) // TCP has a service there, UDP not
		top.receive(other)
		top.wantNothing(service)
		top.wantSeen(tap, 40)

		top.sync(Rules{}) // the service is gone: the host's again
		top.send(from, vip, 53, 42)
		top.receive(service)
	})
}

// tap opens a packet socket for a protocol on the director's client side.
func (top *topology) tap(protocol int) (tap *packet.Conn) {
	top.t.Helper()
	top.director.Do(func() {
		eth0, err := net.InterfaceByName("eth0")
		if err == nil {
			tap, err = packet.Listen(eth0, packet.Raw, protocol, nil)
		}
		if err != nil {
			top.t.Fatal(err)
		}
		top.t.Cleanup(func() { tap.Close() })
	})
	return tap
}

// wantSeen waits until the tap has seen a UDP datagram of size zero bytes.
func (top *topology) wantSeen(tap *packet.Conn, size int) {
	top.t.Helper()
	_ = tap.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 2048)
	for {
		n, _, err := tap.ReadFrom(b)
		if err != nil {
			top.t.Fatalf("the tap never saw the datagram: %v", err)
		}
		if bytes.HasSuffix(b[:n], make([]byte, size)) {
			return
		}
	}
}

func TestTCPServiceIsNeitherAcceptedNorReset(t *testing.T) {
	each(t, func(top *topology) {
		vip := top.at.vip
		top.sync(Rules{Services: []Endpoint{endpoint(tcp, vip, 80), endpoint(tcp, vip, 81)}})
		var ssh net.Listener
		top.director.Do(func() {
			for _, port := range []int{80, 22} { // nothing listens on 81: the host would reset
				l, err := net.Listen("tcp", hostPort(vip, port))
				if err != nil {
					top.t.Fatal(err)
				}
				top.t.Cleanup(func() { l.Close() })
				ssh = l
			}
		})
		pending := []int{top.connecting(vip, 80), top.connecting(vip, 81)}
		top.client.Do(func() {
			c, err := net.Dial("tcp", ssh.Addr().String())
			if err != nil {
				top.t.Fatalf("another port of the virtual address: %v", err)
			}
			c.Close()
		})
		for _, fd := range pending {
			poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
			if n, err := unix.Poll(poll, 0); n != 0 || err != nil {
				top.t.Errorf("connection to a service got an answer of the host: %v %x", err, poll[0].Revents)
			}
		}
	})
}

// connecting begins a TCP connection from the client without waiting.
func (top *topology) connecting(addr string, port int) (fd int) {
	top.t.Helper()
	top.client.Do(func() {
		ip := netip.MustParseAddr(addr)
		var to unix.Sockaddr = &unix.SockaddrInet6{Port: port, Addr: ip.As16()}
		domain := unix.AF_INET6
		if ip.Is4() {
			to, domain = &unix.SockaddrInet4{Port: port, Addr: ip.As4()}, unix.AF_INET
		}
		var err error
		if fd, err = unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
			top.t.Fatal(err)
		}
		top.t.Cleanup(func() { unix.Close(fd) })
		if err := unix.Connect(fd, to); !errors.Is(err, syscall.EINPROGRESS) {
			top.t.Fatal(err)
		}
	})
	return fd
}

func TestAnyPortService(t *testing.T) {
	each(t, func(top *topology) {
		vip := top.at.vip
		top.sync(Rules{Services: []Endpoint{endpoint(udp, vip, 0)}})
		taken, other := top.socket(top.director, vip, 4321), top.socket(top.director, top.at.near, 4321)
		from := top.socket(top.client, top.at.client, 5000)
		top.send(from, vip, 4321, 40)
		top.send(from, top.at.near, 4321, 40)
		top.receive(other)
		top.wantNothing(taken)
	})
}

func TestRepliesOfNATServersAreDroppedUnlessDirect(t *testing.T) {
	for _, natPort := range []uint16{53, 0} {
		each(t, func(top *topology) {
			at := top.at
			top.sync(Rules{NATReals: []Endpoint{endpoint(udp, at.server, natPort)}})
			server := top.socket(top.server, at.server, 53)
			balanced, direct := top.socket(top.client, at.client, 5000), top.socket(top.client, at.client, 5001)

			top.send(server, at.client, 5000, 40) // a reply through NAT: the director's to forward
			top.send(direct, at.server, 53, 40)
			top.receive(server)
			top.send(server, at.client, 5001, 40) // a reply to a direct request
			top.receive(direct)
			top.wantNothing(balanced)

			health := top.socket(top.director, at.far, 6000)
			top.send(server, at.far, 6000, 40) // the director's own check
			top.receive(health)

			if all := elements(t, top.director, "direct"+at.name[1:]); len(all) != 1 || all[0].Expires <= 0 || all[0].Expires > directTimeout {
				top.t.Errorf("direct conversations %+v", all)
			}
			top.sync(Rules{})
			top.send(server, at.client, 5000, 40)
			top.receive(balanced)
		})
	}
}

func TestOtherPortsOfNATServersAreNotTouched(t *testing.T) {
	each(t, func(top *topology) {
		at := top.at
		top.sync(Rules{NATReals: []Endpoint{endpoint(udp, at.server, 53), endpoint(tcp, at.server, 54)}})
		client := top.socket(top.client, at.client, 5000)
		top.send(top.socket(top.server, at.server, 54), at.client, 5000, 40)
		top.receive(client)
	})
}

func TestVirtualAddressThatIsNotTheHosts(t *testing.T) {
	each(t, func(top *topology) {
		vip := top.at.elseVIP
		top.director.Route(netip.PrefixFrom(netip.MustParseAddr(vip), top.at.host).String(), top.at.server) // where ip_forward would send it
		service, other := top.socket(top.server, vip, 53), top.socket(top.server, vip, 54)
		from := top.socket(top.client, top.at.client, 5000)
		for _, guarded := range []bool{false, true} {
			if guarded {
				top.sync(Rules{Services: []Endpoint{endpoint(udp, vip, 53)}})
			}
			top.send(from, vip, 53, 40)
			top.send(from, vip, 54, 3000) // in fragments, of which the later have no port
			top.send(from, vip, 54, 100)
			top.receive(other)
			if guarded {
				top.wantNothing(other)
				top.wantNothing(service)
				continue
			}
			top.receive(other)
			top.receive(service)
		}
	})
}

func TestPingOfVirtualAddress(t *testing.T) {
	each(t, func(top *topology) {
		if top.at.host == 32 {
			top.director.Route(top.at.elseVIP+"/32", top.at.server)
		} else {
			top.director.Route(top.at.elseVIP+"/128", top.at.server)
		}
		ping := top.pinger()
		top.ping(ping, top.at.elseVIP, 1)
		top.wantPong(ping, top.at.elseVIP)
		top.sync(Rules{Services: []Endpoint{endpoint(udp, top.at.vip, 53), endpoint(udp, top.at.elseVIP, 53)}})
		top.ping(ping, top.at.elseVIP, 2)
		top.ping(ping, top.at.vip, 3)
		top.wantPong(ping, top.at.vip) // the host answers for its own
	})
}

// wantPong waits for the next echo reply, which must be from addr.
func (top *topology) wantPong(c net.PacketConn, addr string) {
	top.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 100)
	for {
		_, from, err := c.ReadFrom(b)
		if err != nil {
			top.t.Fatalf("no answer of %s: %v", addr, err)
		}
		if reply := b[0] == 0 || b[0] == 129; !reply {
			continue
		}
		if from.String() != addr {
			top.t.Fatalf("answer of %v, want %s", from, addr)
		}
		return
	}
}

// pinger is a raw ICMP socket of the client.
func (top *topology) pinger() (c net.PacketConn) {
	top.t.Helper()
	network := "ip6:ipv6-icmp"
	if top.at.host == 32 {
		network = "ip4:icmp"
	}
	top.client.Do(func() {
		var err error
		if c, err = net.ListenPacket(network, top.at.client); err != nil {
			top.t.Fatal(err)
		}
		top.t.Cleanup(func() { c.Close() })
	})
	return c
}

// ping sends an echo request; for IPv6 the kernel fills in the checksum.
func (top *topology) ping(c net.PacketConn, addr string, sequence byte) {
	top.t.Helper()
	echo := []byte{128, 0, 0, 0, 0x12, 0x34, 0, sequence}
	if top.at.host == 32 {
		echo[0] = 8
		sum := ^uint16(0x0800 + 0x1234 + uint16(sequence))
		echo[2], echo[3] = byte(sum>>8), byte(sum)
	}
	if _, err := c.WriteTo(echo, &net.IPAddr{IP: net.ParseIP(addr)}); err != nil {
		top.t.Fatal(err)
	}
}

func TestBridgedFramesForOthersPass(t *testing.T) {
	at := families4and6[0]
	top := &topology{t: t, client: testns.New(t), director: testns.New(t), server: testns.New(t), at: at}
	testns.Veth(t, top.director, "p1", top.client, "eth0")
	testns.Veth(t, top.director, "p2", top.server, "eth0")
	top.director.Bridge("br0", "p1", "p2")
	top.addr(top.client, "eth0", "192.0.2.2", 24)
	top.addr(top.server, "eth0", "192.0.2.3", 24)
	top.client.Ready("eth0")
	top.director.Ready("p1", "p2", "br0")
	top.server.Ready("eth0")
	top.guard = open(t, top.director, "p1", "p2", "br0")
	apply(t, top.director, top.guard, Rules{Services: []Endpoint{endpoint(udp, "192.0.2.3", 53)}})
	server := top.socket(top.server, "192.0.2.3", 53)
	top.send(top.socket(top.client, "192.0.2.2", 5000), "192.0.2.3", 53, 40)
	top.receive(server)
}

func TestRecreatedInterfaceIsGuardedAgain(t *testing.T) {
	top := build(t, families4and6[0])
	vip := top.at.vip
	top.sync(Rules{Services: []Endpoint{endpoint(udp, vip, 53)}})
	top.director.Delete("eth0")
	testns.Veth(t, top.client, "eth0", top.director, "eth0")
	top.addr(top.client, "eth0", top.at.client, 24)
	top.addr(top.director, "eth0", top.at.near, 24)
	top.addr(top.director, "eth0", vip, 32)
	top.client.Ready("eth0")
	top.director.Ready("eth0")
	top.client.Route("default", top.at.near)
	top.director.Do(func() {
		if err := top.guard.SetInterfaces([]string{"eth0", "eth1"}); err != nil {
			top.t.Fatal(err)
		}
	})
	service, other := top.socket(top.director, vip, 53), top.socket(top.director, vip, 54)
	from := top.socket(top.client, top.at.client, 5000)
	top.send(from, vip, 53, 40)
	top.send(from, vip, 54, 40)
	top.receive(other)
	top.wantNothing(service)
}

func TestClosingGivesTheServiceBackToTheHost(t *testing.T) {
	each(t, func(top *topology) {
		vip := top.at.vip
		top.sync(Rules{Services: []Endpoint{endpoint(udp, vip, 53)}})
		top.director.Do(func() {
			if err := top.guard.Close(); err != nil {
				top.t.Fatal(err)
			}
		})
		service := top.socket(top.director, vip, 53)
		top.send(top.socket(top.client, top.at.client, 5000), vip, 53, 40)
		top.receive(service)
	})
}
