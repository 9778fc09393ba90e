package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"ulvs/control/api"
)

// Limits of the server. The largest request is a batch; an answer is
// written in pieces, each of which must be taken within writeTimeout.
const (
	maxRequestBytes = 4 << 20
	readTimeout     = 5 * time.Second
	writeTimeout    = 10 * time.Second
	idleTimeout     = time.Minute
	shutdownTimeout = 2 * time.Second
)

// Serve answers requests on l from b until ctx is done, then finishes those
// under way and returns nil. It closes l.
func Serve(ctx context.Context, l net.Listener, b Backend) error {
	srv := &http.Server{
		Handler:           Handler(b),
		ReadTimeout:       readTimeout,
		ReadHeaderTimeout: readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       rememberPeer,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends traces
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		shutdown(srv)
	})
	err := srv.Serve(l)
	if stop() { // Serve failed by itself
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	<-stopped
	return nil
}

// shutdown lets requests under way finish for a while, then cuts them off.
func shutdown(srv *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if srv.Shutdown(ctx) != nil {
		srv.Close()
	}
}

// Handler returns the API's routes over b. Requests must come over a unix
// socket accepted by Serve; others are forbidden.
func Handler(b Backend) http.Handler {
	s := &server{b}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/info", s.info)
	mux.HandleFunc("GET /v1/state", s.state)
	mux.HandleFunc("GET /v1/connections", s.connections)
	mux.HandleFunc("GET /v1/reasons", s.reasons)
	mux.HandleFunc("GET /v1/timeouts", s.timeouts)
	mux.HandleFunc("POST /v1/timeouts", s.setTimeouts)
	mux.HandleFunc("GET /v1/settings", s.settings)
	mux.HandleFunc("POST /v1/settings", s.setSettings)
	mux.HandleFunc("GET /v1/marks", s.marks)
	mux.HandleFunc("POST /v1/marks", s.setMarks)
	mux.HandleFunc("POST /v1/changes", s.change)
	mux.HandleFunc("POST /v1/zero", s.zero)
	mux.HandleFunc("POST /v1/batch", s.batch)
	mux.HandleFunc("POST /v1/trace", s.trace)
	mux.HandleFunc("/", s.notFound)
	return authorized(mux)
}

// server is the routes' receiver.
type server struct{ backend Backend }

func (s *server) info(w http.ResponseWriter, _ *http.Request)     { reply(w, s.backend.Info()) }
func (s *server) state(w http.ResponseWriter, _ *http.Request)    { reply(w, s.backend.State()) }
func (s *server) reasons(w http.ResponseWriter, _ *http.Request)  { reply(w, s.backend.Reasons()) }
func (s *server) timeouts(w http.ResponseWriter, _ *http.Request) { reply(w, s.backend.Timeouts()) }

// connections streams one JSON object per line: a table can hold millions.
func (s *server) connections(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	rc := http.NewResponseController(w)
	enc := json.NewEncoder(w)
	n := 0
	s.backend.Connections(func(c api.Connection) bool {
		if n++; n%1024 == 1 {
			extend(rc)
		}
		return enc.Encode(c) == nil
	})
}

func (s *server) change(w http.ResponseWriter, r *http.Request) {
	handle(w, r, s.backend.Apply)
}

func (s *server) setTimeouts(w http.ResponseWriter, r *http.Request) {
	handle(w, r, s.backend.SetTimeouts)
}

func (s *server) settings(w http.ResponseWriter, _ *http.Request) {
	reply(w, api.SettingsOf(s.backend.Settings()))
}

func (s *server) setSettings(w http.ResponseWriter, r *http.Request) {
	handle(w, r, func(q api.SettingsRequest) error { return s.backend.SetSettings(q.Set) })
}

func (s *server) zero(w http.ResponseWriter, r *http.Request) {
	handle(w, r, func(z api.ZeroRequest) error { return s.backend.Zero(z.Key) })
}

func (s *server) notFound(w http.ResponseWriter, r *http.Request) {
	fail(w, api.Errorf(api.BadRequest, "no such request: %s %s", r.Method, r.URL.Path))
}

// handle decodes one T from the body, acts on it and answers.
func handle[T any](w http.ResponseWriter, r *http.Request, act func(T) error) {
	var v T
	if err := decode(w, r, &v); err != nil {
		fail(w, err)
		return
	}
	if err := act(v); err != nil {
		fail(w, api.From(err))
		return
	}
	reply(w, struct{}{})
}

// decode reads exactly one JSON value without unknown fields: a field that we
// do not know is a wish that we would not fulfil.
func decode(w http.ResponseWriter, r *http.Request, v any) *api.Error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return api.Errorf(api.BadRequest, "decode request: %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return api.Errorf(api.BadRequest, "decode request: more than one JSON value")
	}
	return nil
}

// reply writes v as the answer. A failure to write means that the client has
// gone; there is nobody to tell.
func reply(w http.ResponseWriter, v any) {
	extend(http.NewResponseController(w))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// fail writes e under the HTTP status of its code.
func fail(w http.ResponseWriter, e *api.Error) {
	extend(http.NewResponseController(w))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(statusOf(e.Code))
	_ = json.NewEncoder(w).Encode(e)
}

// extend allows the client another writeTimeout to take what follows. It
// cannot fail on a connection of http.Server.
func extend(rc *http.ResponseController) {
	_ = rc.SetWriteDeadline(time.Now().Add(writeTimeout))
}

// statusOf maps a code to the HTTP status; clients read the code.
func statusOf(c api.Code) int {
	switch c {
	case api.NoService, api.NoServer:
		return http.StatusNotFound
	case api.ServiceExists, api.ServerExists, api.Conflict:
		return http.StatusConflict
	case api.NoScheduler, api.OutOfRange, api.Invalid:
		return http.StatusUnprocessableEntity
	case api.BadRequest:
		return http.StatusBadRequest
	case api.Forbidden:
		return http.StatusForbidden
	case api.Unsupported:
		return http.StatusNotImplemented
	default:
		return http.StatusInternalServerError
	}
}
