package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"ulvs/control/api"
	"ulvs/service"
)

// batch makes many changes with one request.
func (s *server) batch(w http.ResponseWriter, r *http.Request) {
	var b api.Batch
	if err := decode(w, r, &b); err != nil {
		fail(w, err)
		return
	}
	if len(b.Changes) > api.MaxBatch {
		fail(w, api.Errorf(api.BadRequest, "%d changes, at most %d are possible in one request", len(b.Changes), api.MaxBatch))
		return
	}
	var result api.BatchResult
	for _, err := range s.backend.ApplyAll(b.Changes) {
		result.Errors = append(result.Errors, api.From(err))
	}
	reply(w, result)
}

// ApplyAll asks for changes to be made one after the other. It returns an
// error or nil for each; if the daemon cannot be asked, that error for all
// that were not made.
func (c *Client) ApplyAll(ctx context.Context, changes []service.Change) []error {
	var errs []error
	for part := range slices.Chunk(changes, api.MaxBatch) {
		got, err := c.batch(ctx, part)
		if err != nil {
			return append(errs, slices.Repeat([]error{err}, len(changes)-len(errs))...)
		}
		for _, e := range got {
			if e == nil {
				errs = append(errs, nil)
			} else {
				errs = append(errs, e)
			}
		}
	}
	return errs
}

// batch sends one request of at most api.MaxBatch changes.
func (c *Client) batch(ctx context.Context, changes []service.Change) ([]*api.Error, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	text, err := json.Marshal(api.Batch{Changes: changes})
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	body, err := c.do(ctx, http.MethodPost, "/v1/batch", bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var result api.BatchResult
	if err := json.NewDecoder(body).Decode(&result); err != nil || len(result.Errors) != len(changes) {
		return nil, api.Errorf(api.Unreachable, "read answer of %s: %d results for %d changes: %v", c.path, len(result.Errors), len(changes), err)
	}
	return result.Errors, nil
}

// ApplyAll makes changes one after the other and returns an error or nil for
// each; those of a daemon that does not know batches yet are made singly.
func (e *Env) ApplyAll(changes []service.Change) (errs []error) {
	if len(changes) == 0 {
		return nil
	}
	err := e.change(func() error {
		errs = e.client.ApplyAll(e.ctx, changes)
		return errs[0]
	})
	switch code := api.CodeOf(err); {
	case code != api.CodeOf(errs[0]): // no daemon, and none to be started
		return slices.Repeat([]error{err}, len(changes))
	case code != api.BadRequest:
		return errs
	}
	for i, c := range changes {
		errs[i] = e.Apply(c)
	}
	return errs
}
