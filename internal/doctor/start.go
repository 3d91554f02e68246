package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"barrage/gateway/edge"
	"barrage/internal/config"
	"barrage/internal/remote"
	"barrage/room"
)

// This file is what a node needs besides the machine and Redis: ports, files, and services that it calls.

// hookPatience bounds a question to a service: people who wait for its answer to a node would have gone by then.
const hookPatience = 5 * time.Second

// listens opens a port and closes it again: nobody has it, and this process may.
func listens(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return ln.Close()
}

// start looks at what a node opens, reads and calls.
func (h *host) start(ctx context.Context, cfg *config.Config) (found []Finding) {
	found = append(found, h.port("server.listen", cfg.Server.Listen))
	if cfg.Admin.On() {
		found = append(found, h.port("admin.listen", cfg.Admin.Listen))
	}
	found = append(found, h.ioUring(cfg.Fanout.IOUring))
	if len(cfg.Filter.Files) > 0 {
		found = append(found, filterFiles(cfg.Filter))
	}
	if cfg.Admin.AuditFile != "" {
		found = append(found, auditFile(cfg.Admin.AuditFile))
	}
	for _, s := range services(cfg) {
		found = append(found, s.look(ctx))
	}
	return found
}

// port looks whether the node gets a port.
func (h *host) port(key, addr string) Finding {
	f := Finding{Check: key, State: OK, Value: addr + " is free"}
	err := h.listens(addr)
	switch {
	case err == nil:
	case errors.Is(err, syscall.EADDRINUSE):
		f.State, f.Value = Warn, addr+" is taken"
		f.Do = fmt.Sprintf("Where this node runs already there is nothing to do. Else see who has it (ss -ltnp), end that, or set %s to another port.", key)
	default:
		f.State = Fail
		f.Value, f.Do, _ = strings.Cut(edge.CannotListen(key, addr, err).Error(), "; ")
		if f.Do == "" {
			f.Do = "set " + key + " to host:port of this machine"
		}
		f.Do = sentence(f.Do)
	}
	return f
}

// ioUring looks whether lanes can write by io_uring, where they may.
func (h *host) ioUring(mode string) Finding {
	f := Finding{Check: "fanout.io_uring", State: OK, Value: mode}
	if mode == room.IOUringOff {
		return f
	}
	err := h.rings()
	if err == nil {
		f.Value += ": the kernel has it and allows it"
		return f
	}
	if f.State = Warn; mode == room.IOUringOn {
		f.State = Fail
	}
	f.Value, f.Do, _ = strings.Cut(edge.NoRings(err).Error(), "; ")
	f.Do = sentence(f.Do)
	return f
}

// sentence is what to do, as a sentence.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// filterFiles looks whether the lists of the word filter can be read, and make one.
func filterFiles(cfg edge.FilterConfig) Finding {
	f := Finding{Check: "filter.files", State: OK}
	size, err := edge.LoadFilter(cfg)
	if err != nil {
		f.State, f.Value = Fail, err.Error()
		f.Do = "Mend that line, or let the node's user read the file: a node does not start without its lists."
		return f
	}
	f.Value = fmt.Sprintf("%d lists, %d terms, %d regular expressions", size.Lists, size.Terms, size.Regexps)
	return f
}

// auditFile looks whether lines can be written to a file, and makes none.
func auditFile(path string) Finding {
	f := Finding{Check: "admin.audit_file", State: OK, Value: path}
	if path == "-" {
		f.Value = "the standard output"
		return f
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		err = file.Close()
	} else if errors.Is(err, os.ErrNotExist) {
		if err = unix.Access(filepath.Dir(path), unix.W_OK|unix.X_OK); err == nil {
			f.Value += ", which is not there yet"
			return f
		}
		err = fmt.Errorf("cannot make a file in %s: %w", filepath.Dir(path), err)
	}
	if err != nil {
		f.State, f.Value = Fail, err.Error()
		f.Do = "Let the node's user write there, or set admin.audit_file to another path: a node that cannot write it does not start."
	}
	return f
}

// service is a URL that the node calls, and what it is to a node that it does not answer.
type service struct {
	key, url string
	worst    State
	without  string
}

// services are those that are set.
func services(cfg *config.Config) (set []service) {
	for _, s := range []service{
		{"auth.login_url", cfg.Auth.LoginURL, Fail, "nobody logs in without it"},
		{"auth.connect_url", cfg.Auth.ConnectURL, Fail, "nobody whom it is to know comes in without it"},
		{"auth.jwks_url", cfg.Auth.JWKSURL, Fail, "tokens of the issuer cannot be checked without its keys"},
		{"hook.review_url", cfg.Hook.ReviewURL, Warn, "hook.review_fallback is what becomes of messages meanwhile"},
		{"webhooks.url", cfg.Webhooks.URL, Warn, "its events wait in Redis meanwhile"},
		{"traces.endpoint", cfg.Traces.Endpoint, Warn, "traces are dropped meanwhile"},
	} {
		if u, err := url.Parse(s.url); err == nil && u.Host != "" {
			set = append(set, s)
		}
	}
	return set
}

// look asks for the headers of the URL. Any answer will do, for what is posted there is not asked for.
func (s *service) look(ctx context.Context) Finding {
	f := Finding{Check: s.key, State: OK}
	ctx, cancel := context.WithTimeout(ctx, hookPatience)
	defer cancel()
	shown := remote.RedactedHook(s.url)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, s.url, http.NoBody)
	status := 0
	if err == nil {
		var resp *http.Response
		if resp, err = client.Do(req); err == nil {
			status = resp.StatusCode
			_ = resp.Body.Close() // it has none
		}
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok { // it has the URL in it
		err = wrapped.Err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		f.Value = fmt.Sprintf("%s does not answer within %v", shown, hookPatience)
	case err != nil:
		f.Value = fmt.Sprintf("%s: %v", shown, err)
	case status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout:
		f.Value = fmt.Sprintf("%s answers with %d", shown, status)
	default:
		f.Value = shown + " answers"
		return f
	}
	f.State, f.Do = s.worst, fmt.Sprintf("Start what is to answer there, let this machine reach it, or mend %s: %s.", s.key, s.without)
	return f
}
