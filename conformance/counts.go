package conformance

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"ulvs/conntrack"
	"ulvs/control/api"
	"ulvs/dataplane"
	"ulvs/service"
)

// row is a real server in a recording: number (with the port where it is not
// the service's), weight, active and inactive connections.
type row struct {
	name             string
	weight           int64
	active, inactive int64
}

// UnmarshalJSON reads [3,1,0,0] or ["2:8080",1,0,0].
func (r *row) UnmarshalJSON(b []byte) error {
	var fields []any
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	if len(fields) != 4 {
		return fmt.Errorf("counts %s: want server, weight, active, inactive", b)
	}
	var n [4]int64
	for i, f := range fields {
		if v, ok := f.(float64); ok {
			n[i] = int64(v)
		}
	}
	*r = row{fmt.Sprint(fields[0]), n[1], n[2], n[3]}
	return nil
}

func (r row) same(o row) bool { return r == o }

func (r row) String() string {
	return fmt.Sprintf("%s:%d:%d:%d", r.name, r.weight, r.active, r.inactive)
}

// compareCounts compares weights and counts, in list order, with the last that
// were recorded.
func (p *player) compareCounts(s *Step) {
	if s.D != nil {
		p.counts = s.D
	}
	if p.counts == nil {
		return
	}
	p.afterDue(func() { p.compareRows(s) })
}

// afterDue compares, and if something differs while connections are due once
// more when those have gone: the kernel lets them go within 10 ms, ulvs when a
// worker next does its upkeep.
func (p *player) afterDue(compare func()) {
	before := len(p.diffs)
	compare()
	if len(p.diffs) > before && p.due() {
		p.diffs = p.diffs[:before]
		for range 2 { // a template that they hold goes after them
			p.now += upkeep
			p.round()
		}
		compare()
	}
}

// compareRows compares them as they are now.
func (p *player) compareRows(s *Step) {
	got := p.rows()
	want, err := wantedRows(p.counts, got)
	if err != nil {
		p.differ(counts, string(p.counts), err.Error())
		return
	}
	for name := range want {
		least := p.leaving(name, want[name], s.Conns)
		if !slices.EqualFunc(want[name], got[name], row.same) && !slices.EqualFunc(least, got[name], row.same) {
			p.differ(counts, fmt.Sprint(name, " ", want[name]), fmt.Sprint(got[name]))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			p.differ(counts, "no service "+name, fmt.Sprint(got[name]))
		}
	}
}

// wantedRows reads recorded counts: by service, or a list if there is just one.
func wantedRows(text json.RawMessage, got map[string][]row) (want map[string][]row, err error) {
	if !strings.HasPrefix(string(text), "[") {
		return want, json.Unmarshal(text, &want)
	}
	var one []row
	if err := json.Unmarshal(text, &one); err != nil {
		return nil, err
	}
	if len(got) != 1 {
		return nil, fmt.Errorf("%d services", len(got))
	}
	for name := range got {
		want = map[string][]row{name: one}
	}
	return want, nil
}

// leaving takes out of recorded counts the connections that were about to go:
// with 0 s left they are listed and counted for some milliseconds more.
func (p *player) leaving(service string, rows []row, conns []string) []row {
	rows = slices.Clone(rows)
	for _, line := range conns {
		text, left := splitConn(line)
		f := strings.Fields(text)
		if left != 0 || len(f) < 5 || strings.Fields(service)[0] != "FWM" && f[0]+" "+f[2] != service {
			continue
		}
		for i := range rows {
			rows[i].without(f[3], f[4])
		}
	}
	return rows
}

// without takes off one connection to a server, if this is it.
func (r *row) without(server, state string) {
	end, err := netip.ParseAddrPort(server)
	if err != nil || (r.name != lastPart(end.Addr()) && r.name != fmt.Sprintf("%s:%d", lastPart(end.Addr()), end.Port())) {
		return
	}
	if activeState(state) {
		r.active--
	} else {
		r.inactive--
	}
}

// activeState reports whether a TCP connection in the state of that name counts as
// active.
func activeState(name string) bool {
	return slices.Contains([]string{"SYN_RECV", "ESTABLISHED", "SYN_SENT", "SYNACK"}, name)
}

// rows are the real servers of each service, in list order.
func (b *bench) rows() map[string][]row {
	all := map[string][]row{}
	views, _, _ := b.director.Inspect()
	for i := range views {
		v := &views[i]
		rows := []row{}
		for j := range v.Servers {
			rows = append(rows, rowOf(v, &v.Servers[j]))
		}
		all[serviceName(&v.Key)] = rows
	}
	return all
}

func serviceName(k *service.Key) string {
	if k.Mark != 0 {
		return fmt.Sprintf("FWM %d", k.Mark)
	}
	return fmt.Sprintf("%v %v", k.Protocol, netip.AddrPortFrom(k.Addr, k.Port))
}

func rowOf(v *dataplane.ServiceView, s *dataplane.ServerView) row {
	name := lastPart(s.Addr)
	if s.Port != v.Port {
		name += ":" + strconv.Itoa(int(s.Port))
	}
	return row{name, int64(s.Weight), int64(s.Active), int64(s.Inactive)}
}

// lastPart is what recordings know a real server by: the last number of its
// address.
func lastPart(a netip.Addr) string {
	if a.Is4() {
		return strconv.Itoa(int(a.As4()[3]))
	}
	b := a.As16()
	return strconv.Itoa(int(b[14])<<8 | int(b[15]))
}

// conn is a connection: what a recorded line says, and the seconds left.
type conn struct {
	text string
	left int
}

func (c conn) String() string { return fmt.Sprintf("%s %d", c.text, c.left) }

// conns lists the connections.
func (b *bench) conns() (all []conn) {
	_ = env{b}.Connections(func(c api.Connection) error {
		proto := "IP"
		if c.Protocol != service.AnyProtocol {
			proto = c.Protocol.String()
		}
		all = append(all, conn{fmt.Sprintf("%s %v %v %v %s", proto, c.Client, c.Virtual, c.Real, c.State), int(c.Expires.Seconds())})
		return nil
	})
	return all
}

// due reports whether a connection is to go with the next upkeep.
func (b *bench) due() (found bool) {
	b.director.Conns().Range(func(i *conntrack.Info) bool {
		found = i.Deadline <= b.now
		return !found
	})
	return found
}

// splitConn splits a recorded connection into its text and its seconds left.
func splitConn(line string) (text string, left int) {
	f := strings.Fields(line)
	if len(f) < 6 {
		return line, -1
	}
	left, _ = strconv.Atoi(f[5])
	return strings.Join(f[:5], " "), left
}

// compareConns compares the set of connections. Seconds may be one off; those
// with none left may be there or not.
func (p *player) compareConns(want []string) {
	have := p.conns()
	for _, line := range want {
		text, left := splitConn(line)
		i := slices.IndexFunc(have, func(c conn) bool { return c.text == text && c.left >= left-1 && c.left <= left+1 })
		switch {
		case i >= 0:
			have = slices.Delete(have, i, i+1)
		case left != 0:
			p.differ(connections, line, nearest(have, text))
			have = slices.DeleteFunc(have, func(c conn) bool { return c.text == text })
		}
	}
	for _, c := range have {
		if c.left > 0 {
			p.differ(connections, "not there", c.String())
		}
	}
}

// nearest finds what is there instead of a recorded connection: the same but
// for the seconds or the state.
func nearest(have []conn, text string) string {
	words := strings.Fields(text)
	for n := len(words); n >= 2; n-- {
		for _, c := range have {
			if strings.HasPrefix(c.text+" ", strings.Join(words[:n], " ")+" ") {
				return c.String()
			}
		}
	}
	return "not there"
}
