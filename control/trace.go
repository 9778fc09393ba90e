package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"ulvs/control/api"
)

// trace streams one JSON object per line, each as it comes.
func (s *server) trace(w http.ResponseWriter, r *http.Request) {
	var q api.TraceRequest
	if err := decode(w, r, &q); err != nil {
		fail(w, err)
		return
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // the client only listens from now on
	enc := json.NewEncoder(w)
	begun := false
	err := s.backend.Trace(r.Context(), q, func(l api.TraceLine) error {
		if !begun {
			w.Header().Set("Content-Type", "application/x-ndjson")
			begun = true
		}
		extend(rc)
		return errors.Join(enc.Encode(l), rc.Flush())
	})
	if err != nil && !begun {
		fail(w, api.From(err))
	}
}

// Trace asks for the way of packets and calls yield for each line, until the
// trace has ended, until yield fails or until ctx is done, whose error it then
// returns.
func (c *Client) Trace(ctx context.Context, q api.TraceRequest, yield func(api.TraceLine) error) error {
	text, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	body, err := c.do(ctx, http.MethodPost, "/v1/trace", bytes.NewReader(text))
	if err != nil {
		return either(ctx.Err(), err)
	}
	defer body.Close()
	dec := json.NewDecoder(body)
	for {
		var l api.TraceLine
		err := dec.Decode(&l)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF):
			return api.Errorf(api.Unreachable, "the daemon at %s has ended the trace without a word", c.path)
		case err != nil:
			return api.Errorf(api.Unreachable, "read trace from %s: %v", c.path, err)
		}
		if err := yield(l); err != nil || l.Ended != nil {
			return err
		}
	}
}

// either returns the first error that is one.
func either(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
