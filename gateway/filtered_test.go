package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"barrage/gateway/filter"
	"barrage/gateway/pass"
	"barrage/internal/chat"
)

// filters has a server look for a word of each action.
func filters(tb testing.TB) func(*setup) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "words.txt")
	if err := os.WriteFile(path, []byte("darn #mild\nheck =mask\ngosh =shadow\ndrat =flag #b #a\nrats =hold\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	return func(c *setup) { c.Filter.Files = []string{path} }
}

// terms are the words of filters.
var terms = []string{"darn", "heck", "gosh", "drat", "rats"}

// wantKept holds the bodies of room r's history against others.
func wantKept(t *testing.T, s *Server, want ...string) {
	t.Helper()
	h, err := s.store.Page(t.Context(), "r", 0, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range h.Entries {
		var m struct{ Info string }
		if err := json.Unmarshal([]byte(e.JSON), &m); err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Info)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("kept %q; want %q", got, want)
	}
}

// wantFound holds the counts of flag, mask, shadow, hold and block against others.
func wantFound(t *testing.T, s *Server, want ...uint64) {
	t.Helper()
	var got []uint64
	for a := filter.Flag; a <= filter.Block; a++ {
		got = append(got, s.edge.Words.Found(a))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("flag, mask, shadow, hold, block: %d; want %d", got, want)
	}
}

// wantSecret complains where a refusal names a term.
func wantSecret(t *testing.T, answer string) {
	t.Helper()
	for _, term := range append([]string{"mild"}, terms...) {
		if strings.Contains(answer, term) {
			t.Errorf("the answer %s tells the term %q", answer, term)
		}
	}
}

// TestFilter_NativeMessagesMeetEachAction: each action over a native socket.
func TestFilter_NativeMessagesMeetEachAction(t *testing.T) {
	s := newServer(t, filters(t))
	n := joinV1(t, s, "a")
	for i, c := range []struct{ body, code, shown string }{
		{"oh d.a.r.n", "blocked", ""},
		{"what the heck, man", "", "what the ****, man"},
		{"RATS", "held", ""},
		{"drat it", "", "drat it"},
		{"darned fine", "", "darned fine"},
	} {
		id := fmt.Sprint("m", i)
		n.send(fmt.Sprintf(`{"t":"send","id":%q,"body":%q}`, id, c.body))
		if c.code != "" {
			f := n.want("refused")
			if f.ID != id || f.Code != c.code || f.Retry != 0 || f.Message == "" {
				t.Errorf("%q is refused with %+v; want %s", c.body, f, c.code)
			}
			wantSecret(t, f.Message)
			continue
		}
		got := n.wantAll("ack", "batch")
		if m := got["batch"].messages(t); got["ack"].ID != id || got["ack"].Seq == 0 || len(m) != 1 || m[0].Body != c.shown {
			t.Errorf("%q: ack %+v, shown %+v; want %q", c.body, got["ack"], m, c.shown)
		}
	}
	n.send(`{"t":"send","id":"s","body":"gosh"}`)
	if ack := n.want("ack"); ack.ID != "s" || ack.Seq != 0 || ack.TS == 0 || ack.Epoch == "" {
		t.Errorf("a shadowed message is acknowledged with %+v; want seq 0, an epoch and a time", ack)
	}
	n.send(`{"t":"send","id":"last","body":"fine"}`)
	n.wantAll("ack", "batch") // And nothing of the shadowed one.
	wantKept(t, s, "what the ****, man", "drat it", "darned fine", "fine")
	wantFound(t, s, 1, 1, 1, 1, 1)
}

// TestFilter_ExtMeetsTheTermsOfABody: the ext of a stranger meets the same terms as a body, over a socket and over
// HTTP. The strongest action of both counts. An id is no text, and messages of moderators are not looked at.
func TestFilter_ExtMeetsTheTermsOfABody(t *testing.T) {
	s := newServerV1(t, filters(t))
	n := joinV1(t, s, "a")
	const answer = `{"reply":{"user_id":"darn","id":"darn-1","name":"%s","body":"%s"},"mentions":["darn"]}`
	for i, c := range []struct{ body, ext, code, shown, shownExt string }{
		{"hi", `{"text":"oh d.a.r.n"}`, "blocked", "", ""},
		{"hi", `{"\u0064arn":1}`, "blocked", "", ""},
		{"hi", `[1,{"a":["rats"]}]`, "held", "", ""},
		{"heck", `"darn"`, "blocked", "", ""},
		{"darn", `{"a":"heck"}`, "blocked", "", ""},
		{"hi", fmt.Sprintf(answer, "Ann", "darn you"), "blocked", "", ""},
		{"hi", fmt.Sprintf(answer, "Ann", "fine"), "", "hi", fmt.Sprintf(answer, "Ann", "fine")},
		{"hi", fmt.Sprintf(answer, "heck", `a \"HECK\"`), "", "hi", fmt.Sprintf(answer, "****", `a \"****\"`)},
		{"heck, drat", `{"price":99,"heck":["drat"]}`, "", "****, drat", `{"price":99,"****":["drat"]}`},
		{"hi", `{"a":"dar","b":"n","c":["da","rn"]}`, "", "hi", `{"a":"dar","b":"n","c":["da","rn"]}`},
	} {
		id := fmt.Sprint("m", i)
		send := fmt.Sprintf(`"body":%q,"kind":"poll","ext":%s}`, c.body, c.ext)
		n.send(fmt.Sprintf(`{"t":"send","id":%q,`, id) + send)
		called := callV1(t, s, http.MethodPost, pathMessages, "u", fmt.Sprintf(`{"id":%q,`, "over HTTP "+id)+send)
		if c.code != "" {
			n.wantRefused(id, c.code, "", false)
			if called.status != http.StatusForbidden || !strings.Contains(called.body, `"`+c.code+`"`) {
				t.Errorf("%s over HTTP: %d %s; want %s", send, called.status, called.body, c.code)
			}
			continue
		}
		if called.status != http.StatusCreated {
			t.Errorf("%s over HTTP: %d %s", send, called.status, called.body)
		}
		for shown := 0; shown < 2; {
			f, err := n.next()
			if err != nil || f.T != "ack" && f.T != "batch" && f.T != "counters" {
				t.Fatalf("next frame = %+v, %v; want ack or batch", f, err)
			}
			if f.T != "batch" {
				continue
			}
			for _, m := range f.messages(t) {
				if shown++; m.Body != c.shown || sameJSON(string(m.Ext), c.shownExt) != nil {
					t.Errorf("%s is shown as %q with %s; want %q with %s", send, m.Body, m.Ext, c.shown, c.shownExt)
				}
			}
		}
	}
	wantFound(t, s, 0, 4, 0, 2, 10)
}

// refusedByFilter has a message refused, and nobody else notices.
func refusedByFilter(t *testing.T, body, code string) {
	t.Helper()
	s := newServer(t, func(c *setup) { manualCheck(c); filters(t)(c) })
	n, undisturbed := watched(t, s, "user_id=a&token=t", true)
	n.send(fmt.Sprintf(`{"t":"send","id":"1","body":%q}`, body))
	n.wantRefused("1", code, "", false)
	undisturbed()
}

// TestFilter_HTTPSendsMeetEachAction: each action over the call that sends.
func TestFilter_HTTPSendsMeetEachAction(t *testing.T) {
	s := newServerV1(t, filters(t))
	for _, c := range []struct {
		body   string
		status int
		code   string
		seq    uint64
	}{
		{"darn", http.StatusForbidden, "blocked", 0},
		{"rats", http.StatusForbidden, "held", 0},
		{"gosh", http.StatusCreated, "", 0},
		{"heck", http.StatusCreated, "", 1},
		{"drat", http.StatusCreated, "", 2},
	} {
		a := callV1(t, s, http.MethodPost, pathMessages, "u", fmt.Sprintf(`{"id":%q,"body":%q}`, "id of "+c.body[:1], c.body))
		var got struct {
			Seq   uint64
			Error struct{ Code, Message string }
		}
		a.decode(t, &got)
		if a.status != c.status || got.Error.Code != c.code || got.Seq != c.seq {
			t.Errorf("%q: %d %s; want %d %s, seq %d", c.body, a.status, a.body, c.status, c.code, c.seq)
		}
		wantSecret(t, got.Error.Message)
	}
	wantKept(t, s, "****", "drat")
	wantFound(t, s, 1, 1, 1, 1, 1)
}

// TestFilter_FastIMClientsHearOfNothing: FastIM's clients are notified of nothing, and refused messages are counted.
func TestFilter_FastIMClientsHearOfNothing(t *testing.T) {
	s := newServer(t, func(c *setup) { filters(t)(c); c.Admin.Listen = "127.0.0.1:0" })
	c := join(t, s, "r", "a")
	for _, term := range terms {
		c.say("oh " + term)
	}
	c.say("fine")
	c.wantInfo("oh ****")
	c.wantInfo("oh drat")
	c.wantInfo("fine")
	wantKept(t, s, "oh ****", "oh drat", "fine")
	_, metrics := callAdmin(t, s, http.MethodGet, "/metrics", "")
	for _, want := range []string{
		`barrage_filtered_messages_total{action="block"} 1`, `barrage_filtered_messages_total{action="hold"} 1`,
		`barrage_filtered_messages_total{action="shadow"} 1`, `barrage_filtered_messages_total{action="mask"} 1`,
		`barrage_filtered_messages_total{action="flag"} 1`, `barrage_dropped_messages_total{reason="filter"} 2`,
		`barrage_dropped_messages_total{reason="rules"} 2`, `barrage_held_messages_total 1`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no %s among the metrics", want)
		}
	}
}

// TestFilter_FlaggedIsLoggedOnceWithoutText: a flagged message is logged once, with its user and room; the text is for
// debugging alone.
func TestFilter_FlaggedIsLoggedOnceWithoutText(t *testing.T) {
	logged := new(journal)
	s := newLogged(t, logged, filters(t))
	n := joinV1(t, s, "a")
	n.send(`{"t":"send","id":"1","body":"drat, my secret"}`)
	n.wantAll("ack", "batch")
	flagged, debug := 0, 0
	for line := range strings.Lines(logged.String()) {
		switch {
		case strings.Contains(line, "level=DEBUG"):
			debug += strings.Count(line, "my secret")
		case strings.Contains(line, "my secret"):
			t.Errorf("the log has the text: %s", line)
		case strings.Contains(line, "flagged"):
			flagged++
			for _, want := range []string{"level=INFO", "room=r", "user=a", `tags="[a b]"`} {
				if !strings.Contains(line, want) {
					t.Errorf("no %s in %s", want, line)
				}
			}
		}
	}
	if flagged != 1 || debug != 1 {
		t.Errorf("flagged %d times, debugged %d times; want once each", flagged, debug)
	}
}

// TestFilter_ModeratorsAreExempt, by their token and by the room's appointment, and nobody else is.
func TestFilter_ModeratorsAreExempt(t *testing.T) {
	s := newServer(t, func(c *setup) { filters(t)(c); signs(c) })
	all := pass.Read | pass.Send
	for _, c := range []struct {
		user   string
		can    pass.Can
		exempt bool
	}{{"viewer", all, false}, {"gifted", all | pass.High, false}, {"mod", all | pass.Moderate, true}, {"named", all, true}} {
		n, _ := dialAs(t, s, signedToken(t, c.user, grants("r", c.can.Names()...)))
		if c.user == "named" {
			ev, err := s.store.ChangeRules(t.Context(), "r", chat.RulesChange{Set: []chat.Measure{{
				What: chat.Appoint, Target: "named", Until: chat.ForGood, Role: chat.RoleModerator, ByRole: chat.RoleOwner,
			}}})
			if err != nil {
				t.Fatal(err)
			}
			s.edge.Hall.RulesChanged("r", ev)
			n.want("you")
		}
		n.send(`{"t":"send","id":"1","body":"darn","ext":{"darn":["heck"]}}`)
		if c.exempt {
			if m := n.wantAll("ack", "batch")["batch"].messages(t); len(m) != 1 || string(m[0].Ext) != `{"darn":["heck"]}` {
				t.Errorf("%s is shown as %+v; want the ext as it was", c.user, m)
			}
		} else {
			n.wantRefused("1", "blocked", "", false)
		}
	}
	wantKept(t, s, "darn", "darn")
	wantFound(t, s, 0, 0, 0, 0, 2)
}

// TestFilter_BadListStopsTheStart, and says which line it is.
func TestFilter_BadListStopsTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "words.txt")
	if err := os.WriteFile(path, []byte("darn\nheck =explode\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStopped(t, func(c *setup) { c.Filter.Files = []string{path} })
	if err := s.Start(); err == nil || !strings.Contains(err.Error(), path+":2: ") {
		t.Errorf("Start = %v; want that it cannot use %s:2", err, path)
	}
}

// TestDocs_FilterTableTellsWhatIsFound: the list of docs/filter.md is one, and its table is right about what is found.
func TestDocs_FilterTableTellsWhatIsFound(t *testing.T) {
	page, err := os.ReadFile("../docs/filter.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(page), "```text\n")
	list, _, _ = strings.Cut(list, "```\n")
	f, err := filter.Build([]filter.List{{Name: "docs", Data: []byte(list)}})
	if size := f.Size(); err != nil || size.Terms != 5 || size.Allowed != 1 || size.Regexps != 1 {
		t.Errorf("the list of docs/filter.md: %+v, %v; want 5 terms, 1 allowed, 1 regexp", size, err)
	}
	_, rows, _ := strings.Cut(string(page), "| text | term | found |\n| --- | --- | --- |\n")
	rows, _, _ = strings.Cut(rows, "\n\n")
	checked := 0
	for row := range strings.Lines(rows) {
		cells := strings.Split(row, " | ")
		var terms []string
		for _, term := range quoted.FindAllStringSubmatch(cells[1], -1) {
			terms = append(terms, term[1])
		}
		f, err := filter.Build([]filter.List{{Name: "docs", Data: []byte(strings.Join(terms, "\n"))}})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range quoted.FindAllStringSubmatch(cells[0], -1) {
			if found, want := f.Check(text[1]).Action == filter.Block, strings.HasPrefix(cells[2], "yes"); found != want {
				t.Errorf("%q in %q: %v; want %v", terms, text[1], found, want)
			}
			checked++
		}
	}
	if checked < 20 {
		t.Errorf("%d texts of docs/filter.md were checked", checked)
	}
}
