package gateway

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"barrage/gateway/keys"
	"barrage/internal/chat"
)

func (f *faultyStore) ReadTerms(ctx context.Context, name string) (string, error) {
	if err := f.enter(ctx, "ReadTerms"); err != nil {
		return "", err
	}
	return f.Memory.ReadTerms(ctx, name)
}

func (f *faultyStore) WriteTerms(ctx context.Context, name, text string) error {
	if err := f.enter(ctx, "WriteTerms"); err != nil {
		return err
	}
	return f.Memory.WriteTerms(ctx, name, text)
}

// pathTerms is where a list of the store is.
func pathTerms(name string) string { return "/v1/admin/filter/lists/" + name }

// wantTerms makes a call about a list of the store, which must be answered so.
func wantTerms(t *testing.T, s *Server, method, name, body string, status int, answer string) {
	t.Helper()
	got, text := callAdminWith(t, s, method, pathTerms(name), "", body)
	if got != status || !strings.Contains(text, answer) {
		t.Errorf("%s %s: %d %s; want %d with %q", method, name, got, text, status, answer)
	}
}

// wantAction waits until the filter has this action for a text.
func wantAction(t *testing.T, s *Server, text, want string) {
	t.Helper()
	eventually(t, func() error {
		made, _ := s.edge.Words.Lists()
		return differ("the action for "+text, made.Check(text).Action.String(), want)
	})
}

// TestTerms_StoreListsJoinThoseOfFiles: lists of the store are written, read, counted, replaced and taken away, beside
// those of files.
func TestTerms_StoreListsJoinThoseOfFiles(t *testing.T) {
	s, file := adminFilter(t, "heck =mask\n")
	n := joinV1(t, s, "a")
	wantTerms(t, s, http.MethodGet, "spam", "", 404, "not_found")
	wantTerms(t, s, http.MethodPut, "spam", "darn\n赌博 =flag\n", 200, `"sha256":"`)
	wantAction(t, s, "darn", "block")
	wantAction(t, s, "heck", "mask")
	n.send(`{"t":"send","id":"1","body":"darn"}`)
	n.wantRefused("1", "blocked", "", false)
	wantTerms(t, s, http.MethodGet, "spam", "", 200, "darn\n赌博 =flag\n")
	wantTerms(t, s, http.MethodPut, "also", "!darn good\n", 200, "also")
	wantAction(t, s, "darn good", "none")
	wantAction(t, s, "darn bad", "block")

	got := getAdmin[shownFilter](t, s, http.MethodGet, "/v1/admin/filter", "")
	var names []string
	for _, l := range got.Lists {
		names = append(names, fmt.Sprint(l.Name, " ", l.From, " ", l.Terms, " ", l.Allowed))
	}
	if want := fmt.Sprint([]string{file + " file 1 0", "also store 0 1", "spam store 2 0"}); fmt.Sprint(names) != want {
		t.Errorf("lists: %s; want %s", names, want)
	}

	wantTerms(t, s, http.MethodPut, "spam", "gosh\n", 200, "")
	wantAction(t, s, "gosh", "block")
	wantAction(t, s, "darn bad", "none")
	for _, name := range []string{"spam", "also"} {
		wantTerms(t, s, http.MethodDelete, name, "", 204, "")
		wantTerms(t, s, http.MethodDelete, name, "", 404, "not_found")
		wantTerms(t, s, http.MethodGet, name, "", 404, "not_found")
	}
	wantAction(t, s, "gosh", "none")
	wantAction(t, s, "heck", "mask")
	n.send(`{"t":"send","id":"2","body":"gosh"}`)
	n.wantAll("ack", "batch")
}

// TestTerms_TheLastListTakesTheFilterAway: the last list takes the filter away with it.
func TestTerms_TheLastListTakesTheFilterAway(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Admin.Listen = "127.0.0.1:0" })
	if made, _ := s.edge.Words.Lists(); made != nil {
		t.Errorf("there is a filter without lists: %+v", made.Size())
	}
	wantTerms(t, s, http.MethodPut, "spam", "darn", 200, "")
	wantAction(t, s, "darn", "block")
	wantTerms(t, s, http.MethodDelete, "spam", "", 204, "")
	eventually(t, func() error {
		made, _ := s.edge.Words.Lists()
		return differ("a filter", made != nil, false)
	})
}

// TestTerms_RefusedListsChangeNothing: a text that is no list changes nothing, and the answer says why.
func TestTerms_RefusedListsChangeNothing(t *testing.T) {
	s, file := adminFilter(t, "heck\n")
	wantTerms(t, s, http.MethodPut, "spam", "darn\nheck =explode\n", 400, "spam:2: ")
	wantTerms(t, s, http.MethodPut, "spam", "\xff", 400, "spam:1: ")
	wantTerms(t, s, http.MethodPut, "spam", "", 400, "DELETE takes it away")
	wantTerms(t, s, http.MethodPut, "spam", strings.Repeat("# long\n", chat.MaxTermListBytes/7+1), 413, "1048576 bytes")
	for _, name := range []string{"Spam", "a.txt", strings.Repeat("x", 65), "%20"} {
		wantTerms(t, s, http.MethodPut, name, "darn", 400, "a-z, 0-9")
	}
	storeOf(s).fail(errAway, "WriteTerms")
	wantTerms(t, s, http.MethodPut, "spam", "darn", 503, "unavailable")
	storeOf(s).fail(fmt.Errorf("beside: %w", chat.ErrBeside), "WriteTerms")
	wantTerms(t, s, http.MethodPut, "spam", "darn", 501, "not_supported")
	storeOf(s).fail(nil, "WriteTerms")
	wantTerms(t, s, http.MethodGet, "spam", "", 404, "not_found")
	wantTerms(t, s, http.MethodPut, "good", "golly", 200, "")
	wantAction(t, s, "golly", "block") // a filter of all that was taken until now
	if _, lists := s.edge.Words.Lists(); len(lists) != 2 || lists[0].Name != file || s.edge.Words.Stale() {
		t.Errorf("the filter is made of %+v, stale %v; want the file and good", lists, s.edge.Words.Stale())
	}
}

// writeTermsElsewhere writes a list as another node does, which has looked at nothing.
func writeTermsElsewhere(t *testing.T, s *Server, name, text, sum string) {
	t.Helper()
	m := storeOf(s).Memory
	if text != "" {
		if err := m.WriteTerms(t.Context(), name, text); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.ChangeRules(t.Context(), chat.Everywhere, chat.RulesChange{Terms: map[string]string{name: sum}}); err != nil {
		t.Fatal(err)
	}
}

// TestTerms_FromElsewhereHoldHereToo: this node is notified of lists that another one wrote. One that it cannot take,
// or cannot read, leaves the filter as it was, and is reported.
func TestTerms_FromElsewhereHoldHereToo(t *testing.T) {
	logged := new(journal)
	s := newLogged(t, logged, func(c *setup) { c.Admin.Listen = "127.0.0.1:0" })
	stale := func(want bool) {
		t.Helper()
		eventually(t, func() error { return differ("stale", s.edge.Words.Stale(), want) })
	}
	wantTerms(t, s, http.MethodPut, "mine", "darn", 200, "") // and the rules are subscribed to
	wantAction(t, s, "darn", "block")
	writeTermsElsewhere(t, s, "theirs", "gosh", "1")
	wantAction(t, s, "gosh", "block")

	writeTermsElsewhere(t, s, "theirs", "heck =explode", "2")
	stale(true)
	wantAction(t, s, "gosh", "block")
	wantAction(t, s, "darn", "block")
	// Other changes do not mend it.
	if _, err := storeOf(s).ChangeRules(t.Context(), chat.Everywhere, chat.RulesChange{Set: []chat.Measure{{What: chat.Ban, Target: "u", Until: chat.ForGood}}}); err != nil {
		t.Fatal(err)
	}
	writeTermsElsewhere(t, s, "more", "rats", "1")
	_, metrics := callAdmin(t, s, http.MethodGet, "/metrics", "")
	if !strings.Contains(metrics, "barrage_filter_stale 1\n") {
		t.Error("no barrage_filter_stale 1 among the metrics")
	}
	wantAction(t, s, "rats", "none")
	writeTermsElsewhere(t, s, "theirs", "heck", "3")
	wantAction(t, s, "heck", "block")
	wantAction(t, s, "rats", "block")
	wantAction(t, s, "gosh", "none")
	stale(false)

	storeOf(s).fail(errAway, "ReadTerms")
	writeTermsElsewhere(t, s, "theirs", "drat", "4")
	stale(true)
	wantAction(t, s, "heck", "block")
	storeOf(s).fail(nil, "ReadTerms") // it is asked again, though nothing changes any more
	wantAction(t, s, "drat", "block")
	stale(false)

	writeTermsElsewhere(t, s, "lost", "", "1")
	stale(true)
	wantAction(t, s, "drat", "block")
	wantTerms(t, s, http.MethodPut, "lost", "fudge", 200, "")
	wantAction(t, s, "fudge", "block")
	for _, why := range []string{"theirs:1: ", errAway.Error(), "has lost its text"} {
		if n := strings.Count(logged.String(), why); n != 1 {
			t.Errorf("%q is logged %d times; want once", why, n)
		}
	}
}

// TestTerms_HoldFromTheStart: a node goes by the lists that the store has when it starts.
func TestTerms_HoldFromTheStart(t *testing.T) {
	s := newStopped(t, nil)
	writeTermsElsewhere(t, s, "spam", "darn", "1")
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	wantAction(t, s, "darn", "block")
}

// TestTerms_KeysForSomeRoomsChangeNothing: lists are about all rooms, so a key for some of them may look at the filter
// and not change it.
func TestTerms_KeysForSomeRoomsChangeNothing(t *testing.T) {
	some, entry, err := keys.New("some", keys.Moderate, "live-*")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(path, []byte(entry.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, func(c *setup) { c.Admin.Listen, c.Admin.KeysFile = "127.0.0.1:0", path })
	for _, method := range []string{http.MethodPut, http.MethodGet, http.MethodDelete} {
		if status, body := callAdminWith(t, s, method, pathTerms("spam"), some, "darn"); status != 403 {
			t.Errorf("%s with a key for some rooms: %d %s; want 403", method, status, body)
		}
	}
	if status, body := callAdminWith(t, s, http.MethodPost, "/v1/admin/filter/test", some, `{"text":"darn"}`); status != 200 {
		t.Errorf("test with a key for some rooms: %d %s; want 200", status, body)
	}
}
