package top

import (
	"context"
	"time"

	"ulvs/control/api"
)

// Source is what is looked at: the daemon, by its API.
type Source interface {
	Info(context.Context) (*api.Info, error)
	State(context.Context) (*api.State, error)
	Reasons(context.Context) (api.Reasons, error)
}

// Look is what the daemon said at one moment.
type Look struct {
	At      time.Duration // by the clock of who looks, from any zero
	Info    *api.Info
	State   *api.State
	Reasons api.Reasons
}

// Clock tells the time since any zero.
type Clock func() time.Duration

// Take takes a look at s. The moment is that of the state; what else is asked
// is some microseconds older or younger.
func Take(ctx context.Context, s Source, clock Clock) (*Look, error) {
	info, err := s.Info(ctx)
	if err != nil {
		return nil, err
	}
	reasons, err := s.Reasons(ctx)
	if err != nil {
		return nil, err
	}
	state, err := s.State(ctx)
	if err != nil {
		return nil, err
	}
	return &Look{At: clock(), Info: info, State: state, Reasons: reasons}, nil
}
