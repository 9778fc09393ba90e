package dataplane

import (
	"crypto/sha256"
	"encoding/binary"

	"ulvs/forward"
	"ulvs/service"
	"ulvs/wire"
)

// tunnelTo works out a server's tunnel, so that no packet has to look at its
// options. Like ip_vs it gives connections that there are already the new one.
//
// remcsum is csum: the remote checksum offload of GUE is about packets whose
// checksum a device is still to finish, and Encap finishes it; of others the
// kernel makes the same bytes (kernel ip_vs_xmit.c, ip_vs_tunnel_xmit).
func (d *Director) tunnelTo(r *service.RealServer) *forward.Tunnel {
	kind := forward.IPIP
	switch r.Tunnel.Type {
	case "gre":
		kind = forward.GRE
	case "gue":
		kind = forward.GUE
	}
	sum := r.Tunnel.Checksum == "csum" || r.Tunnel.Checksum == "remcsum"
	return forward.NewTunnel(wire.AddrFrom(r.Addr), kind, sum, r.Tunnel.Port, portSeed(d.seed))
}

// portSeed is the seed of GUE's source ports. Everybody on the way to the servers
// sees what comes of it, and must not learn the seed of the connection table.
func portSeed(seed uint64) uint64 {
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("source ports of GUE"), seed))
	return binary.LittleEndian.Uint64(sum[:])
}
