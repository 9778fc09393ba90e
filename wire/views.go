package wire

// The views of a parsed Packet. Each is valid only after a Parse that returned
// FaultNone and that found this protocol.

// Ethernet returns the frame.
func (p *Packet) Ethernet() Ethernet { return Ethernet(p.Buf[p.Start:p.End]) }

// ARP returns the ARP body.
func (p *Packet) ARP() ARP { return ARP(p.Buf[p.L3:p.IPEnd]) }

// IPv4 returns the IP packet without Ethernet padding.
func (p *Packet) IPv4() IPv4 { return IPv4(p.Buf[p.L3:p.IPEnd]) }

// IPv6 returns the IP packet without Ethernet padding.
func (p *Packet) IPv6() IPv6 { return IPv6(p.Buf[p.L3:p.IPEnd]) }

// Is6 reports whether the packet is IPv6.
func (p *Packet) Is6() bool { return p.EtherType == EtherTypeIPv6 }

// Transport returns the bytes from the transport header to the end of the IP
// packet. The packet must not be a later fragment.
func (p *Packet) Transport() []byte { return p.Buf[p.L4:p.IPEnd] }

// TCP returns the TCP segment.
func (p *Packet) TCP() TCP { return TCP(p.Transport()) }

// UDP returns the UDP datagram, and what may follow it in the IP packet.
func (p *Packet) UDP() UDP { return UDP(p.Transport()) }

// SCTP returns the SCTP packet.
func (p *Packet) SCTP() SCTP { return SCTP(p.Transport()) }

// ICMPv4 returns the ICMP message.
func (p *Packet) ICMPv4() ICMPv4 { return ICMPv4(p.Transport()) }

// ICMPv6 returns the ICMPv6 message.
func (p *Packet) ICMPv6() ICMPv6 { return ICMPv6(p.Transport()) }
