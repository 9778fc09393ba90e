package conntrack

import (
	"sync/atomic"
	"time"

	"ulvs/service"
	"ulvs/wire"
)

// Flags are properties of a connection. Those that ip_vs has too carry its
// numbers (kernel include/uapi/linux/ip_vs.h, IP_VS_CONN_F_*).
type Flags uint16

// Flags of a connection.
const (
	Sync         Flags = 0x0020 // learned from a sync peer
	Hashed       Flags = 0x0040 // can be found; kept by the table
	NoOutput     Flags = 0x0080 // replies do not pass the director (DR, TUN)
	Inactive     Flags = 0x0100 // counted as inactive at its real server; kept by the table
	NoClientPort Flags = 0x0800 // ClientPort is 0 and stands for any
	Template     Flags = 0x1000 // persistence template
	OnePacket    Flags = 0x2000
	SeenOut      Flags = 0x4000 // a reply has passed; not in ip_vs

	waiting      Flags = 0x0008 // was found due while it controlled others
	replyIndexed Flags = 0x0010 // has a slot by its real end
	wide         Flags = 0x8000 // addresses are in the second unit
)

// ownFlags are those that only the table sets, hiddenFlags those that nobody
// else sees.
const (
	hiddenFlags = waiting | replyIndexed | wide
	ownFlags    = Hashed | Inactive | hiddenFlags
)

// Ref names a controlling connection, usually a template: its entry number
// plus 1, or 0 for none. It stays good for as long as it is held, because an
// entry with holders is never freed.
type Ref uint32

// Layout is the version of Conn's layout in memory. It is the value of the
// word that makes an entry valid.
const Layout = 1

// UnitSize is the size in bytes of Conn and of the cache line it fills. An
// IPv4 connection takes one unit; an IPv6 connection takes two, the second
// holding its addresses.
const UnitSize = 64

// Conn is one connection or template, a cache line in the table's flat memory
// without a pointer in it. A *Conn is valid while its shard is locked; never
// copy a Conn (an IPv6 one has a second half), take an Info.
//
// The methods that change a Conn need the shard's lock as well; those that
// concern expiry or eviction are on Shard.
type Conn struct {
	_ noCopy

	valid      atomic.Uint32 // Layout if in use, else 0; stored last
	client     uint32        // IPv4 addresses, bytes in network order
	virtual    uint32
	real       uint32
	clientPort uint16
	virtPort   uint16
	realPort   uint16
	proto      uint8
	state      State
	flags      Flags
	method     service.Method
	class      class
	server     uint32
	deadline   time.Duration
	packets    uint32 // of a template instead its lifetime, in milliseconds
	control    Ref
	holders    atomic.Uint32 // connections it controls, and assuredBit
	due        uint32        // copy of the timer, so that Touch reads one line
	unit       uint32        // entry number in the table
	mark       uint32
}

// assuredBit of Conn.holders marks an assured template. It shares the word with
// the count because both are changed without the template's shard lock.
const assuredBit = 1 << 31

// noCopy makes go vet report copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Client returns the client's address.
func (c *Conn) Client() wire.Addr {
	if c.flags&wide != 0 {
		return c.ext().client
	}
	return unpack(c.client)
}

// Virtual returns the virtual address.
func (c *Conn) Virtual() wire.Addr {
	if c.flags&wide != 0 {
		return c.ext().virtual
	}
	return unpack(c.virtual)
}

// Real returns the real server's address.
func (c *Conn) Real() wire.Addr {
	if c.flags&wide != 0 {
		return c.ext().real
	}
	return unpack(c.real)
}

// ClientPort returns the client's port, 0 for a template.
func (c *Conn) ClientPort() uint16 { return c.clientPort }

// VirtualPort returns the virtual port.
func (c *Conn) VirtualPort() uint16 { return c.virtPort }

// RealPort returns the real server's port.
func (c *Conn) RealPort() uint16 { return c.realPort }

// Proto returns the IP protocol.
func (c *Conn) Proto() uint8 { return c.proto }

// State returns the protocol's state; change it by Shard.SetState.
func (c *Conn) State() State { return c.state }

// Flags returns the flags.
func (c *Conn) Flags() Flags { return c.flags &^ hiddenFlags }

// Has reports whether any of f is set.
func (c *Conn) Has(f Flags) bool { return c.flags&f != 0 }

// Set sets flags. Flags that only the table may set are left out.
func (c *Conn) Set(f Flags) { c.flags |= f &^ ownFlags }

// Clear clears flags, with the same exception.
func (c *Conn) Clear(f Flags) { c.flags &^= f &^ ownFlags }

// Method returns the forwarding method, bound when the connection was made.
func (c *Conn) Method() service.Method { return c.method }

// Server returns the caller's number of the real server.
func (c *Conn) Server() uint32 { return c.server }

// SetServer binds the connection to another number, when a deleted server
// comes back.
func (c *Conn) SetServer(n uint32) { c.server = n }

// Mark returns the firewall mark the connection was scheduled by, 0 if none.
func (c *Conn) Mark() uint32 { return c.mark }

// Deadline returns the time at which the connection ends unless it is touched.
func (c *Conn) Deadline() time.Duration { return c.deadline }

// Packets returns the number of packets counted by CountPacket, 1 for a template.
func (c *Conn) Packets() uint32 {
	if c.flags&Template != 0 {
		return 1
	}
	return c.packets
}

// CountPacket adds one client packet, modulo 2^32, and returns the new count.
// It is not for templates.
func (c *Conn) CountPacket() uint32 { c.packets++; return c.packets }

// Control returns the reference to the template that controls c, or 0. It
// belongs to c; do not release it.
func (c *Conn) Control() Ref { return c.control }

// Controlled returns how many references to c are held: the connections it
// controls and those about to be made.
func (c *Conn) Controlled() uint32 { return c.holders.Load() &^ assuredBit }

// Assured reports whether one of the connections that c controls was ever
// established.
func (c *Conn) Assured() bool { return c.holders.Load()&assuredBit != 0 }

// Direction returns the column set of the TCP state table that a packet of c
// uses. A reply clears NoOutput for good (kernel ip_vs_proto_tcp.c,
// set_tcp_state).
func (c *Conn) Direction(reply bool) Direction {
	if reply {
		c.flags = c.flags&^NoOutput | SeenOut
		return Outbound
	}
	if c.flags&NoOutput != 0 {
		return InboundOnly
	}
	return Inbound
}

// Key stores c's key in k.
func (c *Conn) Key(k *Key) {
	*k = Key{Client: c.Client(), Virtual: c.Virtual(), ClientPort: c.clientPort, VirtualPort: c.virtPort, Proto: c.proto}
}

// Info is a copy of a Conn for listings.
type Info struct {
	Key
	Real       wire.Addr
	RealPort   uint16
	State      State
	Method     service.Method
	Flags      Flags
	Server     uint32
	Deadline   time.Duration
	Packets    uint32
	Control    Ref
	Controlled uint32
	Assured    bool
	Mark       uint32
}

// Info stores a copy of c in i.
func (c *Conn) Info(i *Info) {
	*i = Info{
		Real: c.Real(), RealPort: c.realPort, State: c.state, Method: c.method, Flags: c.flags &^ hiddenFlags,
		Server: c.server, Deadline: c.deadline, Packets: c.Packets(),
		Control: c.control, Controlled: c.Controlled(), Assured: c.Assured(), Mark: c.mark,
	}
	c.Key(&i.Key)
}

// ext is the second unit of an IPv6 connection.
type ext struct {
	client, virtual, real wire.Addr
	_                     [UnitSize - 48]byte
}

// is4 reports whether both addresses are IPv4.
func (k *Key) is4() bool { return k.Client.Is4() && k.Virtual.Is4() }

// isInbound4 reports whether k, whose addresses are IPv4, names c. It is small
// enough to be inlined.
func (c *Conn) isInbound4(k *Key) bool {
	return c.client == k.Client.V4() && c.virtual == k.Virtual.V4() && c.clientPort == k.ClientPort &&
		c.virtPort == k.VirtualPort && c.proto == k.Proto && c.flags&wide == 0
}

// isInbound6 is isInbound4 where one of c's addresses is IPv6.
func (c *Conn) isInbound6(k *Key) bool {
	return c.flags&wide != 0 && c.ext().client == k.Client && c.ext().virtual == k.Virtual &&
		c.clientPort == k.ClientPort && c.virtPort == k.VirtualPort && c.proto == k.Proto
}

// isReply4 reports whether k, whose addresses are IPv4, with the real end in
// place of the virtual one, names c.
func (c *Conn) isReply4(k *Key) bool {
	return c.client == k.Client.V4() && c.real == k.Virtual.V4() && c.clientPort == k.ClientPort &&
		c.realPort == k.VirtualPort && c.proto == k.Proto && c.flags&wide == 0
}

// isReply6 is isReply4 where one of c's addresses is IPv6.
func (c *Conn) isReply6(k *Key) bool {
	return c.flags&wide != 0 && c.ext().client == k.Client && c.ext().real == k.Virtual &&
		c.clientPort == k.ClientPort && c.realPort == k.VirtualPort && c.proto == k.Proto
}
