package gateway

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"barrage/gateway/keys"
	"barrage/gateway/pass"
	"barrage/internal/chat"
)

// keysFile is a file with a key for each of what keys can do, and the keys by that.
func keysFile(t *testing.T) (path string, texts map[keys.Can]string) {
	t.Helper()
	var file strings.Builder
	texts = map[keys.Can]string{}
	for _, can := range []keys.Can{keys.Publish, keys.Moderate, keys.Rooms, keys.Ops} {
		text, entry, err := keys.New(can.Names()[0], can, "")
		if err != nil {
			t.Fatal(err)
		}
		texts[can] = text
		file.WriteString(entry.String())
	}
	path = filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, texts
}

func callAdmin(t *testing.T, s *Server, method, path, key string) (status int, body string) {
	t.Helper()
	return callAdminWith(t, s, method, path, key, "")
}

// callAdminWith is callAdmin with a body, JSON where it begins like that.
func callAdminWith(t *testing.T, s *Server, method, path, key, text string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.AdminAddr().String()+path, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(text, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// With a file of keys every call needs one that may do it, but those that look whether the node lives.
func TestAdmin_KeysDoOnlyWhatTheyMay(t *testing.T) {
	path, texts := keysFile(t)
	s := newServer(t, func(c *setup) { c.Admin.Listen, c.Admin.KeysFile = "127.0.0.1:0", path })
	for _, c := range []struct {
		method, path string
		need         keys.Can // 0: none
		good         int
	}{
		{http.MethodGet, "/healthz", 0, 200},
		{http.MethodGet, "/readyz", 0, 200},
		{http.MethodGet, "/metrics", keys.Ops, 200},
		{http.MethodGet, "/rooms", keys.Ops, 200},
		{http.MethodGet, "/debug/pprof/", keys.Ops, 200},
		{http.MethodPut, "/v1/admin/rooms/r", keys.Rooms, 204},
		{http.MethodGet, "/v1/admin/rooms/r", keys.Rooms, 200},
		{http.MethodDelete, "/v1/admin/rooms/r", keys.Rooms, 204},
		{http.MethodPost, "/v1/admin/users/u/revoke", keys.Moderate, 204},
		{http.MethodPost, "/v1/admin/tokens/j-1/revoke", keys.Moderate, 204},
		{http.MethodPost, "/v1/admin/rooms/r/messages", keys.Publish, 415}, // it has no body
		{http.MethodPost, "/v1/admin/rooms/r/mod", keys.Moderate, 415},
		{http.MethodGet, "/v1/admin/rooms/r/mod", keys.Moderate, 200},
		{http.MethodGet, "/v1/admin/rooms/r/mod/log", keys.Moderate, 200},
		{http.MethodPost, "/v1/admin/everywhere/mod", keys.Moderate, 415},
		{http.MethodGet, "/v1/admin/filter", keys.Moderate, 200},
		{http.MethodPost, "/v1/admin/filter/test", keys.Moderate, 415}, // it has no body
		{http.MethodGet, "/v1/admin/filter/lists/spam", keys.Moderate, 404},
		{http.MethodPut, "/v1/admin/filter/lists/spam", keys.Moderate, 400},
		{http.MethodDelete, "/v1/admin/filter/lists/spam", keys.Moderate, 404},
	} {
		want := map[string]int{"": 401, "brg_wrong": 401}
		for can, text := range texts {
			want[text] = 403
			if can == c.need {
				want[text] = c.good
			}
		}
		for key, status := range want {
			if c.need == 0 {
				status = c.good
			}
			if got, body := callAdmin(t, s, c.method, c.path, key); got != status {
				t.Errorf("%s %s with key %q: %d %s; want %d", c.method, c.path, key, got, body, status)
			}
		}
	}
	// Without a file this machine may do anything.
	open := newServer(t, func(c *setup) { c.Admin.Listen = "127.0.0.1:0" })
	if got, body := callAdmin(t, open, http.MethodPost, "/v1/admin/users/u/revoke", ""); got != 204 {
		t.Errorf("revoke without keys: %d %s; want 204", got, body)
	}
	for path, why := range map[string]string{
		"/v1/admin/users/%00/revoke":             "control characters",
		"/v1/admin/tokens/%0a/revoke":            "control characters",
		"/v1/admin/tokens/j/revoke?until=sunday": "is not a time",
	} {
		if got, body := callAdmin(t, open, http.MethodPost, path, ""); got != 400 || !strings.Contains(body, why) {
			t.Errorf("POST %s: %d %s; want 400, %s", path, got, body, why)
		}
	}
}

// Keys that cannot be read start nothing.
func TestAdmin_KeysThatCannotBeReadStartNothing(t *testing.T) {
	s := newStopped(t, func(c *setup) { c.Admin.Listen, c.Admin.KeysFile = "127.0.0.1:0", "/nowhere/keys.yaml" })
	if err := s.Start(); err == nil || !strings.Contains(err.Error(), "admin.keys_file") || !strings.Contains(err.Error(), "/nowhere/keys.yaml") {
		t.Errorf("Start = %v; want that it cannot read admin.keys_file", err)
	}
}

// Tokens that an operator revokes end at once, on sockets and calls.
func TestAdmin_RevokeEndsSocketsAndTokens(t *testing.T) {
	s := newServer(t, func(c *setup) { signs(c); c.Admin.Listen = "127.0.0.1:0" })
	named := signedToken(t, "v", func(c *pass.Claims) { c.ID = "j/1 ü" })
	u, _ := dialAs(t, s, signedToken(t, "u", nil))
	v, _ := dialAs(t, s, named)
	w, _ := dialAs(t, s, signedToken(t, "v", nil))
	for _, path := range []string{"/v1/admin/users/u/revoke", "/v1/admin/tokens/j%2F1%20%C3%BC/revoke?until=4102444800"} {
		if got, body := callAdmin(t, s, http.MethodPost, path, ""); got != 204 {
			t.Errorf("POST %s: %d %s; want 204", path, got, body)
		}
	}
	s.recheck(t)
	u.wantClose(4401)
	v.wantClose(4401)
	w.send(`{"t":"ping","ts":1}`)
	w.want("pong")
	askV1(t, s, "token="+named, offerV1).want(401, "token_revoked", "")
	state, err := s.store.CheckToken(context.Background(), chat.Credential{Signed: true, ID: "j/1 ü", Issued: time.Now().UnixMilli()})
	if state != chat.TokenRevoked || err != nil {
		t.Errorf("the token is %v, %v; want revoked", state, err)
	}
}

// The page of the admin port has links that lead somewhere, from wherever it stands. With keys the page shows nothing
// of the node but that it is ready.
func TestAdmin_IndexLinksLeadSomewhere(t *testing.T) {
	s := newAdmin(t, nil)
	status, page := callAdminWith(t, s, http.MethodGet, "/", "", "")
	if status != http.StatusOK || !strings.Contains(page, s.edge.Hall.Node()) || !strings.Contains(page, "0 connections") {
		t.Errorf("GET / = %d %s; want the node", status, page)
	}
	links := regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1)
	for _, link := range links {
		if status, body := callAdminWith(t, s, http.MethodGet, "/"+link[1], "", ""); status != http.StatusOK || strings.HasPrefix(link[1], "/") {
			t.Errorf("the link %s: %d %.100s", link[1], status, body)
		}
	}
	if len(links) != 10 {
		t.Errorf("%d links; want 10", len(links))
	}
	path, _ := keysFile(t)
	s = newAdmin(t, func(c *setup) { c.Admin.KeysFile = path })
	if status, page := callAdminWith(t, s, http.MethodGet, "/", "", ""); status != http.StatusOK || strings.Contains(page, "connections") || !strings.Contains(page, "barrage admin") {
		t.Errorf("GET / with keys = %d %s; want no more than that it is ready", status, page)
	}
	if status, _ := callAdminWith(t, s, http.MethodGet, "/nothing", "", ""); status != http.StatusNotFound {
		t.Errorf("GET /nothing = %d; want 404", status)
	}
}
