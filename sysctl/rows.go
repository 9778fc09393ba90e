package sysctl

// Info describes one setting.
type Info struct {
	Name    string
	Default string // and, if Refusal is set, the only value
	Range   string // what is accepted, for people
	Meaning string
	Refusal string // why ulvs has no use for it; "" if it has
}

// row is a setting with its place in Settings, nil if there is none.
type row struct {
	Info
	field field
}

// Ranges that several settings have.
const (
	onOff    = "0 or 1"
	level    = "0 (off), 1 or 2 (automatic; 2 while active) or 3 (always)"
	maxInt   = 1<<31 - 1
	positive = "a number from 0 to 2147483647"
	seconds  = "seconds, from 0 to 2147483647"
	noSync   = "ulvs does not speak the sync protocol"
)

// rows are all settings, by name (kernel ip_vs_ctl.c, vs_vars; ip_vs_lblc.c,
// ip_vs_lblcr.c).
var rows = []row{
	{Info{Name: "am_droprate", Default: "10", Range: positive,
		Meaning: "with drop_packet=3, one in so many new connections is dropped; 0 drops none"},
		number{func(s *Settings) *int { return &s.AmDroprate }, maxInt}},
	{Info{Name: "amemthresh", Default: "1024", Range: positive,
		Meaning: "the automatic defences begin when fewer pages of the connection table are free (64 connections a page, at most an eighth of the table)"},
		number{func(s *Settings) *int { return &s.AmemThresh }, maxInt}},
	{Info{Name: "backup_only", Default: "0", Range: onOff,
		Meaning: "leave the packets alone while being a sync backup", Refusal: noSync}, nil},
	{Info{Name: "cache_bypass", Default: "0", Range: onOff,
		Meaning: "send a client of a fwmark service without a usable server to where it wanted to go",
		Refusal: "ulvs keeps no connection without a real server; it answers with ICMP port unreachable"}, nil},
	{Info{Name: "conn_lfactor", Default: "-4", Range: "-8 to 8",
		Meaning: "load factor of the kernel's connection hash", Refusal: "the connection table has a fixed size: ulvs run --capacity"}, nil},
	{Info{Name: "conn_reuse_mode", Default: "1", Range: "0 to 3: the sum of 1 and 2",
		Meaning: "a SYN on a known connection is scheduled afresh: not 0, in TIME_WAIT and CLOSE; 2, also in FIN_WAIT where replies do not pass the director"},
		number{func(s *Settings) *int { return &s.ConnReuseMode }, 3}},
	{Info{Name: "conntrack", Default: "0", Range: onOff,
		Meaning: "keep netfilter's connection entries", Refusal: "packets that ulvs balances do not pass netfilter"}, nil},
	{Info{Name: "debug_level", Default: "0", Range: "0 to 12",
		Meaning: "verbosity of the kernel's log", Refusal: "ulvs logs by ulvs run --log-level and counts by ulvs reasons"}, nil},
	{Info{Name: "drop_entry", Default: "0", Range: level,
		Meaning: "once a second a part of the half-open and of the hardly used connections is dropped"},
		number{func(s *Settings) *int { return &s.DropEntry }, DefenceAlways}},
	{Info{Name: "drop_packet", Default: "0", Range: level,
		Meaning: "a part of the new connections is dropped before it is scheduled"},
		number{func(s *Settings) *int { return &s.DropPacket }, DefenceAlways}},
	{Info{Name: "est_cpulist", Default: "", Range: "a list of processors",
		Meaning: "processors of the kernel's rate estimator", Refusal: "the estimator is part of the daemon"}, nil},
	{Info{Name: "est_nice", Default: "0", Range: "-20 to 19",
		Meaning: "niceness of the kernel's rate estimator", Refusal: "the estimator is part of the daemon"}, nil},
	{Info{Name: "expire_nodest_conn", Default: "0", Range: onOff,
		Meaning: "the connections of a deleted real server end at once instead of being dropped silently until they expire"},
		toggle(func(s *Settings) *bool { return &s.ExpireNodestConn })},
	{Info{Name: "expire_quiescent_template", Default: "0", Range: onOff,
		Meaning: "a persistent client of a server of weight 0 is scheduled afresh"},
		toggle(func(s *Settings) *bool { return &s.ExpireQuiescentTemplate })},
	{Info{Name: "ignore_tunneled", Default: "0", Range: onOff,
		Meaning: "what the host takes out of a tunnel is not balanced again. Accepted for the kernel's scripts: of such packets ulvs sees none, so that it is as with 1 always"},
		toggle(func(s *Settings) *bool { return &s.IgnoreTunneled })},
	{Info{Name: "lblc_expiration", Default: "86400", Range: seconds,
		Meaning: "how long lblc remembers a destination that nobody asks for"},
		number{func(s *Settings) *int { return &s.LBLCExpiration }, maxInt}},
	{Info{Name: "lblcr_expiration", Default: "86400", Range: seconds,
		Meaning: "the same of lblcr, and the age at which it takes a server out of a set"},
		number{func(s *Settings) *int { return &s.LBLCRExpiration }, maxInt}},
	{Info{Name: "nat_icmp_send", Default: "0", Range: onOff,
		Meaning: "a NAT real server's packet of no connection is answered with ICMP port unreachable"},
		toggle(func(s *Settings) *bool { return &s.NATICMPSend })},
	{Info{Name: "pmtu_disc", Default: "1", Range: onOff,
		Meaning: "tunnel packets carry the client's don't-fragment bit, and a packet too big is answered with ICMP; 0 fragments them"},
		toggle(func(s *Settings) *bool { return &s.PMTUDisc })},
	{Info{Name: "run_estimation", Default: "1", Range: onOff,
		Meaning: "rates are estimated; 0 leaves them as they are"},
		toggle(func(s *Settings) *bool { return &s.RunEstimation })},
	{Info{Name: "schedule_icmp", Default: "0", Range: onOff,
		Meaning: "an ICMP error to a virtual service about an unknown connection is scheduled; 0 drops it"},
		toggle(func(s *Settings) *bool { return &s.ScheduleICMP })},
	{Info{Name: "secure_tcp", Default: "0", Range: level,
		Meaning: "a TCP connection is ESTABLISHED only by the real server's part of the handshake"},
		number{func(s *Settings) *int { return &s.SecureTCP }, DefenceAlways}},
	{Info{Name: "sloppy_sctp", Default: "0", Range: onOff,
		Meaning: "an SCTP connection may begin with any packet, not only INIT"},
		toggle(func(s *Settings) *bool { return &s.SloppySCTP })},
	{Info{Name: "sloppy_tcp", Default: "0", Range: onOff,
		Meaning: "a TCP connection may begin with any packet but RST, not only SYN"},
		toggle(func(s *Settings) *bool { return &s.SloppyTCP })},
	{Info{Name: "snat_reroute", Default: "1", Range: onOff,
		Meaning: "replies are routed by their new source", Refusal: "ulvs routes a reply by its destination, as a host without policy routing does"}, nil},
	{Info{Name: "svc_lfactor", Default: "-3", Range: "-8 to 8",
		Meaning: "load factor of the kernel's service hash", Refusal: "the table of services grows by itself"}, nil},
	{Info{Name: "sync_persist_mode", Default: "0", Range: onOff, Meaning: "sync templates without their connections", Refusal: noSync}, nil},
	{Info{Name: "sync_ports", Default: "1", Range: "1 to 64", Meaning: "threads and ports of the sync daemon", Refusal: noSync}, nil},
	{Info{Name: "sync_qlen_max", Default: "0", Range: positive, Meaning: "length of the sync queue", Refusal: noSync}, nil},
	{Info{Name: "sync_refresh_period", Default: "0", Range: seconds, Meaning: "least time between sync messages of one connection", Refusal: noSync}, nil},
	{Info{Name: "sync_retries", Default: "0", Range: "0 to 3", Meaning: "repetitions of a sync message", Refusal: noSync}, nil},
	{Info{Name: "sync_sock_size", Default: "0", Range: positive, Meaning: "buffer of the sync socket", Refusal: noSync}, nil},
	{Info{Name: "sync_threshold", Default: "3 50", Range: "two numbers", Meaning: "packets of a connection before and between sync messages", Refusal: noSync}, nil},
	{Info{Name: "sync_version", Default: "1", Range: onOff, Meaning: "version of the sync protocol", Refusal: noSync}, nil},
}

// List returns the descriptions of all settings, by name.
func List() []Info {
	all := make([]Info, len(rows))
	for i := range rows {
		all[i] = rows[i].Info
	}
	return all
}

// Names returns the names of all settings in order.
func Names() []string {
	names := make([]string, len(rows))
	for i := range rows {
		names[i] = rows[i].Name
	}
	return names
}
