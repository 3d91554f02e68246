package contract

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"barrage/internal/redistest"
)

// recordedCall is a line of testdata/original.txt.
type recordedCall struct {
	line         int
	path, as     string
	form         string // urlencoded
	original     string
	ours, reason string // empty: the same
}

func recordedCalls(t *testing.T) (all []recordedCall) {
	t.Helper()
	text, err := os.ReadFile("testdata/original.txt")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "|")
		if len(f) != 5 {
			t.Fatalf("line %d has %d columns: %s", i+1, len(f), line)
		}
		for k := range f {
			f[k] = strings.TrimSpace(f[k])
		}
		c := recordedCall{line: i + 1, path: f[0], as: f[1], form: f[2], original: f[3]}
		if f[4] != "" {
			var ok bool
			if c.ours, c.reason, ok = strings.Cut(f[4], ", "); !ok || c.ours == c.original {
				t.Fatalf("line %d: %q is no difference with a reason", i+1, f[4])
			}
		}
		all = append(all, c)
	}
	return all
}

// TestOriginal_AnswersAsOnRecord makes the calls of testdata/original.txt: Barrage answers as the original did, but for
// what is written there. It runs on each store, and beside original nodes.
func TestOriginal_AnswersAsOnRecord(t *testing.T) {
	t.Parallel()
	calls := recordedCalls(t)
	if len(calls) < 135 {
		t.Fatalf("%d calls are recorded; want 135 or more", len(calls))
	}
	for _, store := range append(stores, "beside") {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			var n *node
			if store == "beside" {
				n = startNode(t, beside(redistest.Start(t).Addr)...)
			} else {
				n = startOn(t, store)
			}
			u, v := n.login(t, "u"), n.login(t, "v")
			speakers := []*client{n.member(t, "g", "u"), n.member(t, "g", "v")}
			var messages []string
			for i := range 6 {
				speakers[i%2].say(strconv.Itoa(i))
				messages = append(messages, speakers[0].text())
				speakers[1].wantText(messages[i])
				for time.Now().UnixMilli() <= timestamp(t, messages[i]) { // no two of them have the same, whoever they are of
					runtime.Gosched()
				}
			}
			as := map[string]account{"-": nobody, "u": u, "v": v, "wrong": {"u", strings.Repeat("0", 32)}, "other": {"u", v.token}}
			for _, c := range calls {
				who, ok := as[c.as]
				if !ok {
					t.Fatalf("line %d: nobody is called %q", c.line, c.as)
				}
				c.want(t, n, who, messages)
			}
		})
	}
}

var (
	timestampOf = regexp.MustCompile(`@(\d)`)
	longText    = regexp.MustCompile(`\$(\d+)`)
)

// want makes the call and holds the answer against what the line says.
func (c recordedCall) want(t *testing.T, n *node, as account, messages []string) {
	t.Helper()
	form := timestampOf.ReplaceAllStringFunc(c.form, func(at string) string {
		i, _ := strconv.Atoi(at[1:]) // a digit
		return fmt.Sprint(timestamp(t, messages[i]))
	})
	form = longText.ReplaceAllStringFunc(form, func(length string) string {
		k, _ := strconv.Atoi(length[1:]) // digits
		return strings.Repeat("x", k)
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+n.addr+c.path, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for name, value := range map[string]string{"userId": as.user, "token": as.token} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	got, want := send(t, req), c.original
	if c.ours != "" {
		want = c.ours
	}
	at := fmt.Sprintf("line %d, %s %s as %s", c.line, c.path, c.form, c.as)
	kind, rest, _ := strings.Cut(want, " ")
	var body string
	switch kind {
	case "400":
		if got.status != http.StatusBadRequest || !strings.HasPrefix(got.body, `{"code":400,"msg":"`) {
			t.Errorf("%s:\n got %d %s\nwant 400", at, got.status, got.body)
		}
		return
	case "token":
		form, _ := url.ParseQuery(form) // of the file
		if !regexp.MustCompile(`^{"code":200,"msg":"[0-9a-f]{32}","data":"user_info"}$`).MatchString(got.body) {
			t.Errorf("%s:\n got %d %s\nwant a token for %q", at, got.status, got.body, form.Get("userId"))
		}
		return
	case "440":
		body = notLoggedIn
	case "100":
		body = fmt.Sprintf(`{"code":100,"msg":%s,"data":null}`, quoted(rest))
	case "recalled":
		body = recalled
	case "ok", "got":
		body = `{"code":200,"msg":` + map[string]string{"ok": `"操作成功"`, "got": `"获取成功"`}[kind] + `,"data":` + c.data(t, rest, messages) + `}`
	default:
		t.Fatalf("%s: nobody answers %q", at, want)
	}
	if got.status != http.StatusOK || got.body != body {
		t.Errorf("%s:\n got %d %s\nwant 200 %s", at, got.status, got.body, body)
	}
}

// data is the answer's data: "groups" and their ids, the numbers of messages, "none" for an empty list.
func (c recordedCall) data(t *testing.T, words string, messages []string) string {
	t.Helper()
	list := []string{}
	switch f := strings.Fields(words); {
	case words == "" || words == "null":
		return "null"
	case words == "none":
	case f[0] == "groups":
		list = f[1:]
	default:
		for _, word := range f {
			i, err := strconv.Atoi(word)
			if err != nil {
				t.Fatalf("line %d: %q is no message", c.line, word)
			}
			list = append(list, messages[i])
		}
	}
	return quoted(list)
}
