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

// Live makes the Record of a packet that a running director has handled at a
// time. The arithmetic of a transport checksum that is left to the device is left
// out: it is another one, of the pseudo-header alone.
func Live(t *dataplane.Trace, services *service.Table, port func(uint16) string, at time.Time) *Record {
	r := NewRecord(t, services, port)
	r.Source, r.At = "live", &at
	if t.Packet.Offload.Flags&wire.NeedsCsum == 0 {
		return r
	}
	for i := range r.Sent {
		r.Sent[i].Sums = slices.DeleteFunc(r.Sent[i].Sums, func(s Sum) bool { return s.Of != "ip" })
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
	if len(r.Lookups) > 0 {
		l := r.Lookups[max(slices.IndexFunc(r.Lookups, func(l Lookup) bool { return l.Found }), 0)]
		add("connection: %s with %s, %s", l.Client, l.Other, l.Outcome)
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
