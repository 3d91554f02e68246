package gateway

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"barrage/web"
)

// routes are the public port's.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	s.fastIM.route(mux)
	s.v1.route(mux)
	mux.Handle("GET /{$}", web.Page("room.html"))
	mux.Handle("GET /barrage.js", web.Script("barrage.js"))
	mux.Handle("GET /barrage.mjs", web.Script("barrage.mjs"))
	return s.counted(answeredEarly(refuseEmptyIDs(origins(s.cfg.CORS.AllowedOrigins).cors(refuseUnclean(mux)))))
}

// counted counts the requests being answered, for Drain.
func (s *Server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		defer s.requests.Add(-1)
		next.ServeHTTP(w, r)
	})
}

// earlyGrace is how long the rest of a body may take that nobody wants: many clients read no answer before they have
// sent all.
const earlyGrace = time.Second

// answeredEarly ends the connection of a request that is answered before its body was read, as one that is refused:
// net/http would wait for the rest for longer than earlyGrace.
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

// refuseEmptyIDs answers socket addresses with an empty part, which the mux would
// redirect to an address that means something else. A slash behind all parts is none.
func refuseEmptyIDs(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.EscapedPath()
		for socket, ids := range map[string]int{"/group/chat/": 3, "/group/list/": 2} {
			rest, ok := strings.CutPrefix(path, socket)
			parts := strings.SplitN(rest, "/", ids+2)
			if len(parts) == ids+1 && parts[ids] == "" {
				parts = parts[:ids]
			}
			if ok && slices.Contains(parts, "") {
				writeRefusal(w, refuse(http.StatusBadRequest, "cannot upgrade: groupId, userId and token must not be empty in %q", path))
				return
			}
		}
		if plain := strings.TrimLeft(path, "/"); (strings.HasPrefix(plain, "user/") || strings.HasPrefix(plain, "group/")) && strings.Contains(path, "//") {
			writeRefusal(w, refuse(http.StatusBadRequest, "the address %q has empty parts", path))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// cors lets pages of the allowed origins call the API, and those of others read that they
// may not, see diagnose. It answers preflights.
func (o origins) cors(next http.Handler) http.Handler {
	all := slices.Contains(o, "*")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin, h := r.Header.Get("Origin"), w.Header()
		if !all { // also without an origin: what is cached then is not for other pages
			h.Add("Vary", "Origin")
		}
		if origin != "" && (o.allow(r) || asksDiagnosis(r)) {
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
