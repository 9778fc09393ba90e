package netmon

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Features returns the names of the features of an interface that are on, as
// ethtool -k prints the less common of them: "rx-lro", "rx-gro-hw". The kernel
// has told them over netlink since 5.7.
func Features(index int) ([]string, error) {
	c, err := netlink.Dial(unix.NETLINK_GENERIC, nil)
	if err != nil {
		return nil, fmt.Errorf("open generic netlink: %w", err)
	}
	defer c.Close()
	family, err := ethtoolFamily(c)
	if err != nil {
		return nil, fmt.Errorf("look for netlink family ethtool: %w", err)
	}
	e := netlink.NewAttributeEncoder()
	e.Nested(unix.ETHTOOL_A_FEATURES_HEADER, func(h *netlink.AttributeEncoder) error {
		h.Uint32(unix.ETHTOOL_A_HEADER_DEV_INDEX, uint32(index))
		return nil
	})
	answer, err := generic(c, family, unix.ETHTOOL_MSG_FEATURES_GET, 1, e)
	if err != nil {
		return nil, fmt.Errorf("read features of interface %d: %w", index, err)
	}
	return namesIn(answer, []uint16{unix.ETHTOOL_A_FEATURES_ACTIVE, unix.ETHTOOL_A_BITSET_BITS,
		unix.ETHTOOL_A_BITSET_BITS_BIT}, unix.ETHTOOL_A_BITSET_BIT_NAME)
}

// ethtoolFamily is the message type that the kernel has given to ethtool.
func ethtoolFamily(c *netlink.Conn) (id netlink.HeaderType, err error) {
	e := netlink.NewAttributeEncoder()
	e.String(unix.CTRL_ATTR_FAMILY_NAME, "ethtool")
	answer, err := generic(c, unix.GENL_ID_CTRL, unix.CTRL_CMD_GETFAMILY, 1, e)
	if err != nil {
		return 0, err
	}
	d, err := netlink.NewAttributeDecoder(answer)
	if err != nil {
		return 0, err
	}
	for d.Next() {
		if d.Type() == unix.CTRL_ATTR_FAMILY_ID {
			id = netlink.HeaderType(d.Uint16())
		}
	}
	return id, d.Err()
}

// generic asks one question of a family of generic netlink and returns the
// attributes of the answer.
func generic(c *netlink.Conn, family netlink.HeaderType, command, version uint8, e *netlink.AttributeEncoder) ([]byte, error) {
	attributes, err := e.Encode()
	if err != nil {
		return nil, err
	}
	const header = 4 // genlmsghdr: command, version, two reserved bytes
	answer, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: family, Flags: netlink.Request},
		Data:   append([]byte{command, version, 0, 0}, attributes...),
	})
	if err != nil {
		return nil, err
	}
	if len(answer) == 0 || len(answer[0].Data) < header {
		return nil, errors.New("answer too short")
	}
	return answer[0].Data[header:], nil
}

// namesIn collects the strings of kind name from attributes nested as path says.
func namesIn(attributes []byte, path []uint16, name uint16) (names []string, err error) {
	d, err := netlink.NewAttributeDecoder(attributes)
	if err != nil {
		return nil, err
	}
	for d.Next() {
		switch {
		case len(path) == 0 && d.Type() == name:
			names = append(names, d.String())
		case len(path) > 0 && d.Type() == path[0]:
			inner, err := namesIn(d.Bytes(), path[1:], name)
			if err != nil {
				return nil, err
			}
			names = append(names, inner...)
		}
	}
	return names, d.Err()
}
