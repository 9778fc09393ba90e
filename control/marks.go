package control

import (
	"context"
	"net/http"

	"ulvs/control/api"
	"ulvs/service"
)

func (s *server) marks(w http.ResponseWriter, _ *http.Request) {
	reply(w, api.Marks{Rules: s.backend.Marks()})
}

func (s *server) setMarks(w http.ResponseWriter, r *http.Request) {
	handle(w, r, s.backend.SetMarks)
}

// Marks returns the rules that give packets firewall marks.
func (c *Client) Marks(ctx context.Context) ([]service.MarkRule, error) {
	m, err := get[api.Marks](ctx, c, "/v1/marks")
	if err != nil {
		return nil, err
	}
	return m.Rules, nil
}

// SetMarks replaces all rules.
func (c *Client) SetMarks(ctx context.Context, m api.SetMarks) error {
	return c.post(ctx, "/v1/marks", m)
}

// Marks returns the rules that give packets firewall marks, none if no daemon
// runs.
func (e *Env) Marks() ([]service.MarkRule, error) {
	rules, err := e.client.Marks(e.ctx)
	if absent, err := e.absent(err); !absent {
		return rules, err
	}
	return nil, nil
}

// editAttempts bounds how often an edit is made anew because another one came
// between.
const editAttempts = 100

// EditMarks replaces the rules by what edit makes of them, starting a daemon if
// there is none. If somebody else changes them meanwhile, edit is called again.
func (e *Env) EditMarks(edit func([]service.MarkRule) ([]service.MarkRule, error)) error {
	var err error
	for range editAttempts {
		var was, next []service.MarkRule
		if was, err = e.Marks(); err != nil {
			return err
		}
		if next, err = edit(was); err != nil {
			return err
		}
		if was == nil {
			was = []service.MarkRule{}
		}
		err = e.change(func() error { return e.client.SetMarks(e.ctx, api.SetMarks{Rules: next, Was: &was}) })
		if api.CodeOf(err) != api.Conflict {
			break
		}
	}
	return err
}
