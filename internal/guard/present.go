package guard

import (
	"errors"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Exists reports whether there is a table of that name in this network
// namespace, whoever made it. It needs CAP_NET_ADMIN.
func Exists() (bool, error) {
	handle, err := tableHandle()
	return handle != 0, err
}

// tableHandle returns the number that the kernel has given to our table, 0 if
// there is none. No two tables of a namespace ever have the same.
func tableHandle() (uint64, error) {
	const what = "look for nftables table " + tableName
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return 0, explain(what, err)
	}
	defer c.Close()
	answer, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETTABLE, Flags: netlink.Request},
		Data:   append(nfgenmsg(), nameAttribute()...),
	})
	if errors.Is(err, syscall.ENOENT) || err == nil && len(answer) == 0 {
		return 0, nil
	}
	if err != nil {
		return 0, explain(what, err)
	}
	return handleIn(answer[0].Data)
}

// nfgenmsg is the header before the attributes (linux/netfilter/nfnetlink.h).
func nfgenmsg() []byte { return []byte{unix.NFPROTO_NETDEV, unix.NFNETLINK_V0, 0, 0} }

// nameAttribute asks for our table.
func nameAttribute() []byte {
	e := netlink.NewAttributeEncoder()
	e.String(unix.NFTA_TABLE_NAME, tableName)
	b, _ := e.Encode() // a short string always can be
	return b
}

// handleIn reads the handle from the kernel's answer.
func handleIn(answer []byte) (handle uint64, err error) {
	if len(answer) < len(nfgenmsg()) {
		return 0, errors.New("read nftables table: answer too short")
	}
	d, err := netlink.NewAttributeDecoder(answer[len(nfgenmsg()):])
	if err != nil {
		return 0, err
	}
	for d.Next() {
		if d.Type() == nftaTableHandle && len(d.Bytes()) == 8 {
			for _, b := range d.Bytes() { // network order
				handle = handle<<8 | uint64(b)
			}
		}
	}
	return handle, d.Err()
}

// nftaTableHandle is NFTA_TABLE_HANDLE (linux/netfilter/nf_tables.h).
const nftaTableHandle = 4
