package guard

import (
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// ruleset is our chains and sets:
//
//	ingress-IF (base chain of each interface): whole packets to a service: drop,
//	       in one rule, since nearly all are such; jump judge
//	judge: frames for other hosts pass; IPv4: jump ip4; IPv6: jump ip6
//	ip4:   later fragments of what was dropped: drop
//	       jump taken4
//	       to a service: drop
//	       ICMP and fragments to a virtual address not the host's: drop
//	       to a NAT real server: remember as direct
//	       from a NAT real server: jump replies4
//	       jump ranges4
//	taken4: Rules.Taken: drop; its exceptions: return
//	ranges4: to and from Rules.Replies as to and from a NAT real server
//	replies4: to the host: accept; direct: accept; else drop
//	gone4: where drop leads: first fragments are remembered
type ruleset struct {
	table    *nftables.Table
	judge    *nftables.Chain
	families []*family
}

// Chains of interfaces, before those of other users at this hook.
const (
	ingressPrefix = "ingress-"
	priority      = -500
)

// reg is the first of the sixteen 32-bit registers; keys are built from there.
const reg = unix.NFT_REG32_00

// addRules prepares all chains, rules and sets but those of interfaces.
func addRules(conn *nftables.Conn, t *nftables.Table) (ruleset, error) {
	rs := ruleset{table: t, families: families(), judge: conn.AddChain(&nftables.Chain{Name: "judge", Table: t})}
	otherHost := []expr.Any{&expr.Meta{Key: expr.MetaKeyPKTTYPE, Register: reg}, equal(unix.PACKET_OTHERHOST)}
	rule(conn, rs.judge, otherHost, verdict(expr.VerdictAccept, ""))
	for _, f := range rs.families {
		if err := f.addSets(conn, t); err != nil {
			return rs, err
		}
		ip := f.addChains(conn, t)
		rule(conn, rs.judge, f.isFamily(), verdict(expr.VerdictJump, ip.Name))
	}
	return rs, nil
}

// addChains prepares the family's chains and returns the first.
func (f *family) addChains(conn *nftables.Conn, t *nftables.Table) *nftables.Chain {
	ip := conn.AddChain(&nftables.Chain{Name: "ip" + f.suffix, Table: t})
	f.chains = make(map[string]*nftables.Chain)
	for _, name := range []string{chainTaken, chainRanges, chainReplies, chainGone} {
		f.chains[name] = conn.AddChain(&nftables.Chain{Name: name + f.suffix, Table: t})
	}
	replies := f.chains[chainReplies]
	f.addGone(conn, ip)
	rule(conn, ip, verdict(expr.VerdictJump, f.chains[chainTaken].Name))
	toService := f.endpoint(f.dst, 2)
	rule(conn, ip, toService, f.in(setServices), f.drop())
	rule(conn, ip, toService[:2], f.in(setAnyPort), f.drop())
	rule(conn, ip, f.addrAt(f.dst, reg), f.in(setOwned), f.isICMP(), f.drop())
	rule(conn, ip, f.addrAt(f.dst, reg), f.in(setOwned), f.laterFragment(), f.drop())
	fromReal := f.endpoint(f.src, 0)
	rule(conn, ip, toService, f.in(setReals), f.conversation(f.src, 0), f.remember())
	rule(conn, ip, toService[:2], f.in(setAnyReals), f.conversation(f.src, 0), f.remember())
	rule(conn, ip, fromReal, f.in(setReals), verdict(expr.VerdictJump, replies.Name))
	rule(conn, ip, fromReal[:2], f.in(setAnyReals), verdict(expr.VerdictJump, replies.Name))
	rule(conn, ip, verdict(expr.VerdictJump, f.chains[chainRanges].Name))

	accept := verdict(expr.VerdictAccept, "")
	rule(conn, replies, f.addrAt(f.dst, reg), f.in(setLocals), accept)
	rule(conn, replies, f.conversation(f.dst, 2), f.in(setDirect), f.remember(), accept)
	rule(conn, replies, f.drop())
	return ip
}

// hook prepares the chain of an interface; one that exists is made the same.
func (rs *ruleset) hook(conn *nftables.Conn, ifname string) {
	policy, prio := nftables.ChainPolicyAccept, nftables.ChainPriority(priority)
	c := conn.AddChain(&nftables.Chain{
		Name: ingressPrefix + ifname, Table: rs.table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookIngress, Priority: &prio, Policy: &policy, Device: ifname,
	})
	conn.FlushChain(c)
	for _, f := range rs.families {
		rule(conn, c, toThisHost(), f.isFamily(), f.whole(), f.endpoint(f.dst, 2), f.in(setServices), dropHere())
	}
	rule(conn, c, verdict(expr.VerdictJump, rs.judge.Name))
}

// interfaceOf returns the interface of one of our base chains.
func interfaceOf(c *nftables.Chain) (string, bool) {
	if c.Table.Name != tableName {
		return "", false
	}
	return strings.CutPrefix(c.Name, ingressPrefix)
}

// rule prepares a rule of parts in order.
func rule(conn *nftables.Conn, c *nftables.Chain, parts ...[]expr.Any) {
	r := &nftables.Rule{Table: c.Table, Chain: c}
	for _, p := range parts {
		r.Exprs = append(r.Exprs, p...)
	}
	conn.AddRule(r)
}

// load reads n bytes of a header into a register.
func load(base expr.PayloadBase, offset, n, to uint32) expr.Any {
	return &expr.Payload{DestRegister: to, Base: base, Offset: offset, Len: n}
}

// equal goes on if the first register begins with data.
func equal(data ...byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: data}
}

// verdict ends the rule.
func verdict(kind expr.VerdictKind, chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: kind, Chain: chain}}
}

// toThisHost goes on if the frame is addressed to this host.
func toThisHost() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyPKTTYPE, Register: reg}, equal(unix.PACKET_HOST)}
}

// isFamily goes on if the frame is of the family. With the tag of a VLAN in its
// metadata it shows the tag's type here: it belongs to another interface.
func (f *family) isFamily() []expr.Any {
	return []expr.Any{load(expr.PayloadBaseLLHeader, 12, 2, reg), equal(byte(f.etherType>>8), byte(f.etherType))}
}

// whole goes on if an IPv4 packet is no fragment; of IPv6 no fragment has to be
// remembered.
func (f *family) whole() []expr.Any {
	if f.addrLen != 4 {
		return nil
	}
	return []expr.Any{
		load(expr.PayloadBaseNetworkHeader, 6, 2, reg),
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 2, Mask: []byte{0x3f, 0xff}, Xor: []byte{0, 0}},
		equal(0, 0),
	}
}

// dropHere counts and drops what need not be remembered.
func dropHere() []expr.Any {
	return append([]expr.Any{&expr.Counter{}}, verdict(expr.VerdictDrop, "")...)
}

// drop counts, for the operator's nft list ruleset, and leads to the end.
func (f *family) drop() []expr.Any {
	return append([]expr.Any{&expr.Counter{}}, verdict(expr.VerdictJump, f.chains[chainGone].Name)...)
}

// addrAt reads the address at an offset of the IP header.
func (f *family) addrAt(offset, to uint32) []expr.Any {
	return []expr.Any{load(expr.PayloadBaseNetworkHeader, offset, f.addrLen, to)}
}

// portAt reads the port at an offset of the transport header; on a later
// fragment, which has none, the rule ends.
func portAt(offset, to uint32) expr.Any { return load(expr.PayloadBaseTransportHeader, offset, 2, to) }

// protocol reads the transport protocol.
func protocol(to uint32) expr.Any { return &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: to} }

// endpoint reads protocol . address . port; its first two without the port.
func (f *family) endpoint(addr, port uint32) []expr.Any {
	return []expr.Any{
		protocol(reg),
		load(expr.PayloadBaseNetworkHeader, addr, f.addrLen, reg+1),
		portAt(port, reg+1+f.addrLen/4),
	}
}

// conversation reads client address . port . real address . port . protocol,
// the client's end being at the given offsets.
func (f *family) conversation(client, clientPort uint32) []expr.Any {
	words := f.addrLen / 4
	real, realPort := f.src+f.dst-client, 2-clientPort
	return []expr.Any{
		load(expr.PayloadBaseNetworkHeader, client, f.addrLen, reg),
		portAt(clientPort, reg+words),
		load(expr.PayloadBaseNetworkHeader, real, f.addrLen, reg+words+1),
		portAt(realPort, reg+2*words+1),
		protocol(reg + 2*words + 2),
	}
}

// in goes on if the key just read is in the set.
func (f *family) in(set string) []expr.Any {
	return []expr.Any{&expr.Lookup{SourceRegister: reg, SetName: f.sets[set].Name, SetID: f.sets[set].ID}}
}

// remember puts the conversation just read into the set of direct ones, or
// makes it stay there longer.
func (f *family) remember() []expr.Any {
	s := f.sets[setDirect]
	return []expr.Any{&expr.Dynset{SrcRegKey: reg, SetName: s.Name, SetID: s.ID, Operation: unix.NFT_DYNSET_OP_UPDATE, Timeout: directTimeout}}
}

// isICMP goes on if the packet is of the family's ICMP.
func (f *family) isICMP() []expr.Any { return []expr.Any{protocol(reg), equal(f.icmp)} }

// addGone prepares the end of what is dropped. Only the first fragment of a
// datagram has ports: what is dropped with it is known by its name.
func (f *family) addGone(conn *nftables.Conn, ip *nftables.Chain) {
	gone := f.chains[chainGone]
	if f.addrLen == 4 {
		s := f.sets[setCut]
		rule(conn, ip, f.laterFragment(), f.datagram(), f.in(setCut), verdict(expr.VerdictDrop, ""))
		rule(conn, gone, moreFragments(), f.datagram(), []expr.Any{
			&expr.Dynset{SrcRegKey: reg, SetName: s.Name, SetID: s.ID, Operation: unix.NFT_DYNSET_OP_UPDATE, Timeout: cutTimeout},
		})
	}
	rule(conn, gone, verdict(expr.VerdictDrop, ""))
}

// datagram reads source . destination . id . protocol, which tell an IPv4
// datagram from others.
func (f *family) datagram() []expr.Any {
	return []expr.Any{
		load(expr.PayloadBaseNetworkHeader, f.src, f.addrLen, reg),
		load(expr.PayloadBaseNetworkHeader, f.dst, f.addrLen, reg+1),
		load(expr.PayloadBaseNetworkHeader, 4, 2, reg+2),
		protocol(reg + 3),
	}
}

// moreFragments goes on if the IPv4 packet is a fragment but the last.
func moreFragments() []expr.Any {
	return anyBit(load(expr.PayloadBaseNetworkHeader, 6, 2, reg), []byte{0x20, 0})
}

// laterFragment goes on if the fragment offset is not zero: in the header of
// IPv4, in the fragment header of IPv6.
func (f *family) laterFragment() []expr.Any {
	read, mask := load(expr.PayloadBaseNetworkHeader, 6, 2, reg), []byte{0x1f, 0xff}
	if f.addrLen == 16 {
		read = &expr.Exthdr{DestRegister: reg, Type: unix.IPPROTO_FRAGMENT, Offset: 2, Len: 2, Op: expr.ExthdrOpIpv6}
		mask = []byte{0xff, 0xf8}
	}
	return anyBit(read, mask)
}

// anyBit goes on if any bit of the mask is set in the two bytes that are read.
func anyBit(read expr.Any, mask []byte) []expr.Any {
	return []expr.Any{
		read,
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 2, Mask: mask, Xor: []byte{0, 0}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: []byte{0, 0}},
	}
}
