package ipvsadm

import (
	"net/netip"
	"strings"
)

// SyncDaemon are the options of --start-daemon and --stop-daemon. ulvs does
// not synchronise connections; the options are read so that mistakes in them
// are still told.
type SyncDaemon struct {
	Master    bool
	Interface string
	ID        int
	MaxLen    int
	Group     netip.Addr
	Port      uint16
	TTL       int
}

// role reads "master" or "backup".
func (d *SyncDaemon) role(text, illegal string) error {
	d.Master = text == "master"
	if !d.Master && text != "backup" {
		return usage("%s", illegal)
	}
	return nil
}

// option takes one option in.
func (d *SyncDaemon) option(o option, text string) (err error) {
	switch o {
	case optMcastInterface:
		d.Interface = text
	case optSyncID:
		d.ID, err = syncNumber(text, 0, 255, "illegal syncid specified")
	case optSyncMaxLen:
		d.MaxLen, err = syncNumber(text, 1, 65535-20-8, "illegal sync-maxlen specified")
	case optMcastPort:
		n, e := syncNumber(text, 1, 65535, "illegal mcast-port specified")
		d.Port, err = uint16(n), e
	case optMcastTTL:
		d.TTL, err = syncNumber(text, 1, 255, "illegal mcast-ttl specified")
	case optMcastGroup:
		return d.group(text)
	}
	return err
}

func syncNumber(s string, min, max int64, text string) (int, error) {
	n, err := numberOr(s, min, max, text)
	return int(n), err
}

// group reads the multicast group.
func (d *SyncDaemon) group(text string) error {
	family := "IPv4"
	if strings.Contains(text, ":") {
		family = "IPv6"
	}
	a, err := netip.ParseAddr(text)
	if err != nil || !a.IsMulticast() {
		return usage("invalid %s mcast-group `%s'", family, text)
	}
	d.Group = a
	return nil
}
