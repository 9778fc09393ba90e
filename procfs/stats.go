package procfs

import (
	"fmt"
	"io"

	"ulvs/control/api"
)

// writeStats writes ip_vs_stats: all services together, in hexadecimal (kernel
// ip_vs_ctl.c, ip_vs_stats_show).
func writeStats(w io.Writer, s *api.State) {
	fmt.Fprint(w, "   Total Incoming Outgoing         Incoming         Outgoing\n"+
		"   Conns  Packets  Packets            Bytes            Bytes\n")
	fmt.Fprintf(w, "%s\n\n", columns(s.Stats))
	fmt.Fprint(w, " Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n")
	fmt.Fprintf(w, "%s\n", columns(api.Stats(s.Rates)))
}

// writeProcessors writes ip_vs_stats_percpu (kernel ip_vs_ctl.c,
// ip_vs_stats_percpu_show). ulvs counts by worker, not by processor: everything
// is in the row of processor 0.
func writeProcessors(w io.Writer, s *api.State) {
	fmt.Fprint(w, "       Total Incoming Outgoing         Incoming         Outgoing\n"+
		"CPU    Conns  Packets  Packets            Bytes            Bytes\n")
	total := columns(s.Stats)
	fmt.Fprintf(w, "%3X %s\n  ~ %s\n\n", 0, total, total)
	fmt.Fprint(w, "     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n")
	fmt.Fprintf(w, "    %s\n", columns(api.Stats(s.Rates)))
}

// columns are the five numbers of a line.
func columns(s api.Stats) string {
	return fmt.Sprintf("%8X %8X %8X %16X %16X", s.Conns, s.InPackets, s.OutPackets, s.InBytes, s.OutBytes)
}
