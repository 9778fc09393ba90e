package sysctl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Settings are the values of the settings that ulvs acts on. The field of a
// setting is described by List under its name.
type Settings struct {
	AmDroprate              int // new connections, of which one is dropped
	AmemThresh              int // pages of the connection table
	ConnReuseMode           int // bits: 1 TIME_WAIT and CLOSE, 2 FIN_WAIT without replies
	DropEntry               int // level of defence
	DropPacket              int // level of defence
	ExpireNodestConn        bool
	ExpireQuiescentTemplate bool
	IgnoreTunneled          bool
	LBLCExpiration          int // seconds
	LBLCRExpiration         int // seconds
	NATICMPSend             bool
	PMTUDisc                bool
	RunEstimation           bool
	ScheduleICMP            bool
	SecureTCP               int // level of defence
	SloppySCTP              bool
	SloppyTCP               bool
}

// Levels of defence, for drop_entry, drop_packet and secure_tcp. From 1 and 2
// the director chooses by itself, once a second (kernel ip_vs_ctl.c,
// update_defense_level).
const (
	DefenceOff    = 0
	DefenceAuto   = 1 // automatic, at present not needed
	DefenceActive = 2 // automatic, at present active
	DefenceAlways = 3
)

// Errors of Get and Set; what they return wraps one of them.
var (
	ErrUnknown       = errors.New("no such setting")
	ErrNotApplicable = errors.New("not applicable to ulvs")
	ErrValue         = errors.New("value not accepted")
)

// Defaults returns the settings of a fresh ip_vs (Linux 6.1).
func Defaults() (s Settings) {
	for i := range rows {
		if r := &rows[i]; r.field != nil {
			_ = r.field.put(&s, r.Default) // the defaults are within their own ranges
		}
	}
	return s
}

// Set returns s with one setting changed. The name may be written as for
// sysctl, with net.ipv4.vs. or net/ipv4/vs/ before it. A setting that ulvs has
// no use for accepts the value that describes what ulvs does and no other.
// Errors: ErrUnknown, ErrNotApplicable, ErrValue.
func (s Settings) Set(name, value string) (Settings, error) {
	r, err := find(name)
	if err != nil {
		return s, err
	}
	value = strings.Join(strings.Fields(value), " ")
	switch {
	case r.field != nil:
		if err := r.field.put(&s, value); err != nil {
			return s, fmt.Errorf("%s: %w: %q; want %s", r.Name, ErrValue, value, r.Range)
		}
	case value != r.Default:
		return s, fmt.Errorf("%s: %w: %s", r.Name, ErrNotApplicable, r.Refusal)
	}
	return s, nil
}

// Get returns the value of one setting as text. Errors: ErrUnknown.
func (s Settings) Get(name string) (string, error) {
	r, err := find(name)
	if err != nil {
		return "", err
	}
	if r.field == nil {
		return r.Default, nil
	}
	return r.field.get(&s), nil
}

// Assignment is one wish to set something.
type Assignment struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// SetAll makes all assignments, in order, or none: with an error s is returned
// as it was.
func (s Settings) SetAll(all []Assignment) (Settings, error) {
	next := s
	for _, a := range all {
		var err error
		if next, err = next.Set(a.Name, a.Value); err != nil {
			return s, err
		}
	}
	return next, nil
}

// field reads and writes one field of Settings.
type field interface {
	put(s *Settings, value string) error
	get(s *Settings) string
}

// toggle is a field that is 0 or 1.
type toggle func(*Settings) *bool

func (f toggle) put(s *Settings, value string) error {
	switch value {
	case "0", "1":
		*f(s) = value == "1"
		return nil
	}
	return ErrValue
}

func (f toggle) get(s *Settings) string {
	if *f(s) {
		return "1"
	}
	return "0"
}

// number is a field that is a number from 0 to most.
type number struct {
	at   func(*Settings) *int
	most int
}

func (n number) put(s *Settings, value string) error {
	v, err := strconv.Atoi(value)
	if err != nil || v < 0 || v > n.most {
		return ErrValue
	}
	*n.at(s) = v
	return nil
}

func (n number) get(s *Settings) string { return strconv.Itoa(*n.at(s)) }
