package lab

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"ulvs/lab/decap"
	"ulvs/sched"
)

// The modes are the forwarding methods that a lab shows.
const (
	DR  = "dr"  // one network; replies go from the real servers to the client
	NAT = "nat" // two networks, the director is the real servers' gateway
	TUN = "tun" // real servers behind a router; a tunnel to them, replies direct
)

// Modes lists what Options.Mode accepts.
func Modes() []string { return []string{DR, NAT, TUN} }

// Limits of what a lab is asked for: each real server costs two processes, and
// a request takes a client port for a minute.
const (
	maxServers  = 50
	maxRequests = 20000
	maxWeight   = 65535 // as ipvsadm
)

// Options are what the lab face is asked for. The zero value of a field takes
// the default that is named beside it.
type Options struct {
	Mode      string `json:"mode"`
	Tunnel    string `json:"tunnel"`    // type of TUN's tunnel, one of decap.Types: "ipip"
	Scheduler string `json:"scheduler"` // "wrr"
	Servers   int    `json:"servers"`   // as many as Weights, else 3
	Weights   []int  `json:"weights"`   // 1, 2, 3, ... ; one for each server
	Requests  int    `json:"requests"`  // 300
	Keep      bool   `json:"keep"`      // leave the lab up at the end
	JSON      bool   `json:"json"`      // print a Result as JSON instead of text
	// Binary is the ulvs program to run; our own executable if empty.
	Binary string `json:"binary"`
	// DirectorArgs are added to "ulvs run".
	DirectorArgs []string  `json:"directorArgs"`
	Out          io.Writer `json:"-"` // os.Stdout
}

// UsageError is an option that is not accepted.
type UsageError struct{ Option, Problem string }

func (e *UsageError) Error() string { return e.Option + ": " + e.Problem }

// complete fills in the defaults and checks the rest.
func (o *Options) complete() error {
	if o.Scheduler == "" {
		o.Scheduler = "wrr"
	}
	if o.Requests == 0 {
		o.Requests = 300
	}
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if err := o.completeServers(); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	return o.completeBinary()
}

// completeServers makes Servers and Weights agree.
func (o *Options) completeServers() error {
	if o.Servers == 0 {
		o.Servers = max(len(o.Weights), 3)
		if n := len(o.Weights); n > 0 {
			o.Servers = n
		}
	}
	if o.Servers < 1 || o.Servers > maxServers {
		return &UsageError{"servers", fmt.Sprintf("%d is not from 1 to %d", o.Servers, maxServers)}
	}
	if len(o.Weights) == 0 {
		for i := range o.Servers {
			o.Weights = append(o.Weights, i+1)
		}
	}
	if len(o.Weights) != o.Servers {
		return &UsageError{"weights", fmt.Sprintf("%d weights for %d servers", len(o.Weights), o.Servers)}
	}
	return nil
}

// Schedulers returns the names of those whose shares can be promised.
func Schedulers() []string { return slices.DeleteFunc(sched.Names(), sched.Seeded) }

func (o *Options) check() error {
	if !slices.Contains(Modes(), o.Mode) {
		return &UsageError{"mode", fmt.Sprintf("%q is not one of %s", o.Mode, strings.Join(Modes(), " "))}
	}
	if _, err := decap.ParseType(o.Tunnel); err != nil {
		return &UsageError{"tun-type", err.Error()}
	}
	if o.Tunnel != "" && o.Mode != TUN {
		return &UsageError{"tun-type", "only with mode tun"}
	}
	if names := Schedulers(); !slices.Contains(names, o.Scheduler) && !sched.Seeded(o.Scheduler) {
		return &UsageError{"scheduler", fmt.Sprintf("%q is not one of %s", o.Scheduler, strings.Join(names, " "))}
	}
	if sched.Seeded(o.Scheduler) {
		return &UsageError{"scheduler", fmt.Sprintf("%q picks at random: the lab promises shares and holds the scheduler to them; choose another", o.Scheduler)}
	}
	if o.Requests < 1 || o.Requests > maxRequests {
		return &UsageError{"requests", fmt.Sprintf("%d is not from 1 to %d", o.Requests, maxRequests)}
	}
	for _, w := range o.Weights {
		if w < 0 || w > maxWeight {
			return &UsageError{"weights", fmt.Sprintf("%d is not from 0 to %d", w, maxWeight)}
		}
	}
	return nil
}

func (o *Options) completeBinary() (err error) {
	if o.Binary == "" {
		if o.Binary, err = os.Executable(); err != nil {
			return fmt.Errorf("find own executable: %w", err)
		}
	}
	return nil
}
