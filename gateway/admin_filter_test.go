package gateway

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shownFilter is the word filter as operators see it, shownList a list of it.
type shownFilter struct {
	Lists                          []shownList
	Terms, Allowed, Regexps, Bytes int
}

type shownList struct {
	Name, From                     string
	Terms, Allowed, Regexps, Bytes int
	ReadAt                         int64 `json:"read_at"`
}

// adminFilter is a server with an admin port whose list has these lines, and the list's name.
func adminFilter(t *testing.T, lines string) (s *Server, name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "words.txt")
	if err := os.WriteFile(name, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return newServer(t, func(c *setup) { c.Admin.Listen, c.Filter.Files = "127.0.0.1:0", []string{name} }), name
}

// TestAdmin_FilterTestSaysWhyATextMatched: a moderator learns why a text was blocked, and what would become of it.
func TestAdmin_FilterTestSaysWhyATextMatched(t *testing.T) {
	s, name := adminFilter(t, "# A comment.\ndarn =mask #mild #en\nheck\n!what the heck\n")
	for text, want := range map[string]string{
		"oh d.a.r.n": `{"action":"mask","text":"oh *.*.*.*","tags":["en","mild"],"hits":[{"list":"LIST","line":2,"term":"darn",
			"action":"mask","tags":["en","mild"],"start":3,"end":10,"haystack":"joined","allowed":""}]}`,
		"what the heck": `{"action":"none","text":"what the heck","tags":[],"hits":[{"list":"LIST","line":3,"term":"heck",
			"action":"block","tags":[],"start":9,"end":13,"haystack":"as is","allowed":"LIST:4"}]}`,
		"fine": `{"action":"none","text":"fine","tags":[],"hits":[]}`,
		"":     `{"action":"none","text":"","tags":[],"hits":[]}`,
	} {
		body, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			t.Fatal(err)
		}
		status, got := callAdminWith(t, s, http.MethodPost, "/v1/admin/filter/test", "", string(body))
		if err := sameJSON(got, strings.ReplaceAll(want, "LIST", name)); err != nil || status != http.StatusOK {
			t.Errorf("%q: %d, %v", text, status, err)
		}
	}
	for body, want := range map[string]int{`{"txt":"darn"}`: 400, `{"text":7}`: 400, "darn": 415, `{"text":"` + strings.Repeat("x", 64<<10) + `"}`: 413} {
		if status, answer := callAdminWith(t, s, http.MethodPost, "/v1/admin/filter/test", "", body); status != want {
			t.Errorf("%.20s: %d %s; want %d", body, status, answer, want)
		}
	}
	wantFound(t, s, 0, 0, 0, 0, 0) // tests are no messages
	many := getAdmin[struct{ Hits []struct{} }](t, s, http.MethodPost, "/v1/admin/filter/test", `{"text":"`+strings.Repeat("darn ", 2000)+`"}`)
	if len(many.Hits) != 1000 {
		t.Errorf("%d hits in one answer; want 1000", len(many.Hits))
	}
}

// TestAdmin_FilterListsHaveSizesAndTimes: the lists, how large they are, and when they were read.
func TestAdmin_FilterListsHaveSizesAndTimes(t *testing.T) {
	const lines = "darn\nheck\n!what the heck\nre:x+y\n"
	begin := time.Now().UnixMilli()
	s, name := adminFilter(t, lines)
	got := getAdmin[shownFilter](t, s, http.MethodGet, "/v1/admin/filter", "")
	if len(got.Lists) != 1 || got.Terms != 2 || got.Allowed != 1 || got.Regexps != 1 || got.Bytes == 0 {
		t.Fatalf("filter: %+v; want one list, 2 terms, 1 allowed, 1 regexp", got)
	}
	at := got.Lists[0].ReadAt
	if want := (shownList{name, "file", 2, 1, 1, len(lines), at}); got.Lists[0] != want || at < begin || at > time.Now().UnixMilli() {
		t.Errorf("list: %+v; want %+v, read since %d", got.Lists[0], want, begin)
	}
	none := newServer(t, func(c *setup) { c.Admin.Listen = "127.0.0.1:0" })
	if _, got := callAdmin(t, none, http.MethodGet, "/v1/admin/filter", ""); sameJSON(got, `{"lists":[],"terms":0,"allowed":0,"regexps":0,"bytes":0}`) != nil {
		t.Errorf("without lists: %s", got)
	}
}
