package explain

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
)

// Live makes the Record of a packet that a running director has handled. port
// names its interfaces. t must be whole, and may be changed. The arithmetic of a
// transport checksum that is left to the device is left out.
func Live(t *dataplane.Trace, services *service.Table, port func(uint16) string, at time.Time) *Record {
	in, out := t.Packet.In, t.Hop.Hop.Port
	ports := make([]uint16, len(t.Sent))
	t.Packet.In, t.Hop.Hop.Port = 0, 0 // which has a name here, too
	for i := range t.Sent {
		ports[i], t.Sent[i].Port = t.Sent[i].Port, 0
	}
	r := newRecord(t, services)
	r.Source, r.At, r.In = "live", &at, port(in)
	if r.Hop != nil && r.Hop.Port != "" {
		r.Hop.Port = port(out)
	}
	unfinished := t.Packet.Offload.Flags&wire.NeedsCsum != 0
	for i := range r.Sent {
		s := &r.Sent[i]
		s.Port = port(ports[i])
		if unfinished { // and worked out in another way: only the pseudo-header is in it
			s.Sums = slices.DeleteFunc(s.Sums, func(s Sum) bool { return s.Of != "ip" })
		}
	}
	return r
}

// Cut keeps at most so many bytes of each frame. The lengths stay.
func (r *Record) Cut(bytes int) {
	r.Packet.cut(bytes)
	for i := range r.Sent {
		r.Sent[i].cut(bytes)
	}
}

func (v *View) cut(bytes int) {
	if bytes < len(v.data) {
		v.data = v.data[:bytes]
		v.Frame = v.Frame[:2*bytes]
	}
}

// Bytes returns the frame, as much of it as there is.
func (v *View) Bytes() []byte { return v.data }

// ParseRecord is the inverse of a Record's JSON.
func ParseRecord(text []byte) (*Record, error) {
	r := &Record{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("record of a packet: %w", err)
	}
	if r.Version != Version {
		return nil, fmt.Errorf("record of a packet: version %d, not %d: daemon and client are of different releases", r.Version, Version)
	}
	err := r.Packet.decode()
	for i := range r.Sent {
		if err == nil {
			err = r.Sent[i].decode()
		}
	}
	return r, err
}

func (v *View) decode() (err error) {
	if v.data, err = hex.DecodeString(v.Frame); err != nil {
		return fmt.Errorf("record of a packet: frame: %w", err)
	}
	return nil
}

// Comment says what became of the packet in one line: connection, state, server,
// verdict and reason.
func (r *Record) Comment() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if n := len(r.Lookups); n > 0 {
		last := r.Lookups[n-1]
		if i := slices.IndexFunc(r.Lookups, func(l Lookup) bool { return l.Found }); i >= 0 {
			last = r.Lookups[i]
		}
		add("connection: %s", last.Outcome)
	}
	if s := r.Service; s != nil && s.Name != "" {
		add("service: %s", s.Name)
	}
	if p := r.Pick; p != nil {
		add("scheduler: %s", p.Scheduler)
	}
	if s := r.State; s != nil {
		add("state: %s > %s", s.From, s.To)
	}
	if s := r.Server; s != nil {
		add("server: %s by %s", s.Addr, s.Method)
	}
	add("verdict: %s", r.Verdict)
	add("reason: %s (%s)", r.Reason, r.Meaning)
	return strings.Join(parts, "; ")
}
