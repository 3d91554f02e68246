package admincmd

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"barrage/internal/chat"
	"barrage/internal/cli"
)

func TestFilter_ShowsAndChangesListsOfTheNode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "spam.txt")
	if err := os.WriteFile(file, []byte("darn =mask\nheck\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lists := `{"lists":[{"name":"spam","from":"store","terms":2,"allowed":1,"regexps":0,"bytes":17,"read_at":1795729496300}],"terms":2}`
	found := `{"action":"mask","text":"oh ****","tags":["en","mild"],"hits":[{"list":"spam","line":2,"term":"darn","action":"mask",
"tags":[],"start":3,"end":7,"haystack":"joined","allowed":""}]}`
	for _, c := range []struct {
		line, stdin  string
		status       int
		answer, call string
		says         string
	}{
		{"filter lists", "", 200, lists, "GET /v1/admin/filter", "LIST  FROM   TERMS  ALLOWED  REGEXPS  BYTES  READ\nspam  store  2      1        0        17     2026-11-26T21:44:56Z\n"},
		{"filter lists", "", 200, `{"lists":[]}`, "GET /v1/admin/filter", "the filter has no lists\n"},
		{
			"filter test darn", "", 200, found, `POST /v1/admin/filter/test {"text":"darn"}`,
			"action  mask\ntext    oh ****\ntags    en, mild\n\nTERM  ACTION  LIST  LINE  BYTES   FOUND   ALLOWED BY\ndarn  mask    spam  2     3 to 7  joined  -\n",
		},
		{"filter test fine", "", 200, `{"action":"none","text":"fine","tags":[],"hits":[]}`, `POST /v1/admin/filter/test {"text":"fine"}`, "action  none\ntext    fine\ntags    -\n"},
		{"filter put spam " + file, "", 200, `{"name":"spam"}`, "PUT /v1/admin/filter/lists/spam darn =mask\nheck", "the list spam is in force\n"},
		{"filter put spam -", "darn\n", 200, `{"name":"spam"}`, "PUT /v1/admin/filter/lists/spam darn", "the list spam is in force\n"},
		{"filter get spam", "", 200, "darn\x1b\nheck\n", "GET /v1/admin/filter/lists/spam", "darn\x1b\nheck\n"},
		{"filter delete spam --yes", "", 204, "", "DELETE /v1/admin/filter/lists/spam", "the list spam is taken away\n"},
	} {
		p := newPort(t, c.status, c.answer)
		w := before(p)
		w.stdin = c.stdin
		if got, want := w.run(strings.Fields(c.line)...), (outcome{0, c.says, ""}); got != want || p.said() != c.call {
			t.Errorf("%s says %+v\nwant %+v\nand asked %q", c.line, got, want, p.said())
		}
	}
}

func TestFilter_TerminalGetsNoControlCharacters(t *testing.T) {
	p := newPort(t, http.StatusOK, "darn\x1b[2J\r\nheck\n")
	w := before(p)
	w.terminal = true
	if got := w.run("filter", "get", "spam"); got != (outcome{0, "\"darn\\x1b[2J\"\nheck\n", ""}) {
		t.Errorf("%+v; want no control characters", got)
	}
	var list struct {
		Text string `json:"text"`
	}
	if got := before(p).run("filter", "get", "spam", "--output", "json"); json.Unmarshal([]byte(got.stdout), &list) != nil || list.Text != "darn\x1b[2J\r\nheck\n" {
		t.Errorf("%+v; want the text as JSON", got)
	}
}

func TestFilter_RefusalsSayWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	large, empty := filepath.Join(dir, "large.txt"), filepath.Join(dir, "empty.txt")
	for file, text := range map[string]string{large: strings.Repeat("x", chat.MaxTermListBytes+1), empty: ""} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		line, stdin string
		code        int
		want        string
	}{
		{"filter put spam " + large, "", cli.ExitFailure, "cannot read the list: " + large + " has more than 1048576 bytes"},
		{"filter put spam -", strings.Repeat("x", chat.MaxTermListBytes+1), cli.ExitFailure, "standard input has more than 1048576 bytes"},
		{"filter put spam " + empty, "", cli.ExitFailure, "it is empty; barrage admin filter delete takes a list away"},
		{"filter put spam nowhere", "", cli.ExitFailure, "open nowhere: no such file or directory"},
		{"filter put spam", "", cli.ExitUsage, "it wants NAME and FILE"},
		{"filter delete spam", "", cli.ExitUsage, "give --yes"},
		{"filter tst x", "", cli.ExitUsage, `did you mean "test"?`},
	} {
		p := newPort(t, http.StatusOK, "{}")
		w := before(p)
		w.stdin = c.stdin
		if got := w.run(strings.Fields(c.line)...); got.code != c.code || got.stdout != "" || !strings.Contains(got.stderr, c.want) || p.said() != "" {
			t.Errorf("%s: %+v, asked %.50q; want exit code %d and %q", c.line, got, p.said(), c.code, c.want)
		}
	}
	p := newPort(t, http.StatusBadRequest, `{"error":{"code":"bad_request","message":"spam, line 2: no such action"}}`)
	if got := before(p).run("filter", "put", "spam", "-"); got.code != cli.ExitFailure {
		t.Errorf("without a text: %+v", got)
	}
	w := before(p)
	w.stdin = "x"
	if got := w.run("filter", "put", "spam", "-"); got.code != cli.ExitFailure || !strings.Contains(got.stderr, `cannot write the list "spam": PUT `+p.url+`/v1/admin/filter/lists/spam: 400 bad_request: spam, line 2: no such action`) {
		t.Errorf("a mistake: %+v", got)
	}
}
