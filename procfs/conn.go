package procfs

import (
	"bufio"
	"fmt"

	"ulvs/control/api"
	"ulvs/service"
)

// writeConnections writes ip_vs_conn (kernel ip_vs_conn.c, ip_vs_conn_seq_show).
func writeConnections(w *bufio.Writer, s Source) error {
	fmt.Fprint(w, "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n")
	return s.Connections(func(c api.Connection) error {
		engine := ""
		if c.PE != "" {
			engine = " " + c.PE + " " + c.PEData
		}
		_, err := fmt.Fprintf(w, "%s %-11s %7d%s\n", flow(&c), c.State, c.Expires/1e9, engine)
		return err
	})
}

// writeOrigins writes ip_vs_conn_sync (kernel ip_vs_conn.c,
// ip_vs_conn_sync_seq_show). No connection comes from another director.
func writeOrigins(w *bufio.Writer, s Source) error {
	fmt.Fprint(w, "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires\n")
	return s.Connections(func(c api.Connection) error {
		_, err := fmt.Fprintf(w, "%s %-11s %-6s %7d\n", flow(&c), c.State, "LOCAL", c.Expires/1e9)
		return err
	})
}

// flow is protocol, client, virtual and real end of a connection. The template
// of a firewall mark is of protocol IP, its virtual address is the mark.
func flow(c *api.Connection) string {
	proto := "IP"
	if c.Protocol != service.AnyProtocol {
		proto = c.Protocol.String()
	}
	return fmt.Sprintf("%-3s %s %04X %s %04X %s %04X", proto, hex(c.Client.Addr()), c.Client.Port(),
		hex(c.Virtual.Addr()), c.Virtual.Port(), hex(c.Real.Addr()), c.Real.Port())
}
