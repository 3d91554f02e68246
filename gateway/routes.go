package gateway

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"barrage/gateway/admin"
	"barrage/gateway/edge"
	"barrage/gateway/fastim"
	v1 "barrage/gateway/v1"
	"barrage/web"
)

// routes are the public port's.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	s.fastIM.Route(mux)
	s.v1.Route(mux)
	if s.cfg.Admin.Public {
		mux.Handle(admin.Path, s.admin.Public())
	}
	mux.Handle("GET /{$}", web.Page("room.html", s.edge.FrameAncestors))
	mux.Handle("GET /emotes", s.emotes.List())
	mux.Handle("GET /emotes/{file}", s.emotes)
	mux.Handle("GET /overlay", web.Page("overlay.html", s.edge.FrameAncestors))
	mux.Handle("GET /barrage.js", web.Script("barrage.js"))
	mux.Handle("GET /barrage.mjs", web.Script("barrage.mjs"))
	mux.Handle("GET /barrage-room.mjs", web.Script("element.mjs"))
	known := s.front.known(mux)
	around := func(h http.Handler) http.Handler {
		return answeredEarly(fastim.RefuseEmptyIDs(s.front.cors(v1.RefuseUnclean(h))))
	}
	again, first := around(known), s.front.bounded(around(s.traces.Serve(known, "/", false)))
	return s.front.counted(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if edge.Seen(r) { // it was counted and traced then
			w.Header().Set("Connection", "close") // the next request of the connection would be taken for seen, too
			again.ServeHTTP(w, r)
		} else {
			first.ServeHTTP(w, r)
		}
	}))
}

// front is what stands before all that the public port serves.
type front struct {
	edge     *edge.Edge
	underWay atomic.Int64 // HTTP requests and handshakes being answered
}

// bounded refuses an address that asks for more than anybody does, before anything else is done for it. Calls and
// handshakes have bounds of their own, pages and refused requests have not.
func (f *front) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bad := edge.RefusedByDoor(f.edge.Door.Request(r)); bad != nil {
			if !edge.LeftToHTTP(w, bad) {
				w.Header().Set("Connection", "close")
				v1.WriteProblem(w, bad)
			}
			return
		}
		next.ServeHTTP(w, r)
	})
}

// known hints at a proxy that rewrites paths where a WebSocket is asked for at an address that there is not.
func (f *front) known(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if mux.ServeHTTP(w, r); r.Pattern == "" {
			f.edge.HintPath(r)
		}
	})
}

// counted counts the requests being answered, for Drain.
func (f *front) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.underWay.Add(1)
		defer f.underWay.Add(-1)
		next.ServeHTTP(w, r)
	})
}

// earlyGrace is how long the rest of a body may take that nobody wants: many clients read no answer before they have
// sent all.
const earlyGrace = time.Second

// answeredEarly ends the connection of a request that is answered before its body was read, as one that is refused.
// Else net/http would wait for the rest for longer than earlyGrace.
func answeredEarly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		body := &bodyToEnd{ReadCloser: r.Body}
		read := *r
		read.Body = body
		next.ServeHTTP(w, &read)
		if !body.ended {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(earlyGrace)) // an error: it has gone
		}
	})
}

// bodyToEnd knows whether it was read to its end.
type bodyToEnd struct {
	io.ReadCloser
	ended bool
}

func (b *bodyToEnd) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

// cors lets pages of the allowed origins call the API, and those of others read that they
// may not, see v1.AsksDiagnosis. It answers preflights.
func (f *front) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin, h, all := r.Header.Get("Origin"), w.Header(), f.edge.AnyOrigin()
		if !all { // also without an origin: the answer that is cached then is not for other pages
			h.Add("Vary", "Origin")
		}
		if origin != "" && (f.edge.Allows(r) || v1.AsksDiagnosis(r)) {
			if all {
				h.Set("Access-Control-Allow-Origin", "*")
			} else {
				h.Set("Access-Control-Allow-Origin", origin)
			}
			if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
				h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
				h.Set("Access-Control-Allow-Headers", "userId, token, Authorization, Content-Type")
				h.Set("Access-Control-Max-Age", "86400")
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
