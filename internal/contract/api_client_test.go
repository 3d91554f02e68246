package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The API as a client sees it (contract section 4).

// account is who calls; empty fields are headers that are left out.
type account struct{ user, token string }

// nobody calls without headers.
var nobody account

// params are the parameters of a call.
type params map[string]string

// forms are the ways parameters may come.
var forms = []string{"urlencoded", "multipart", "query"}

// Answers of contract section 4, to the letter.
const (
	done        = `{"code":200,"msg":"操作成功","data":null}`
	refused     = `{"code":100,"msg":"操作失败","data":null}`
	notLoggedIn = `{"code":440,"msg":"请登录后访问","data":null}`
	loginFailed = `{"code":100,"msg":"登录失败","data":null}`
	recalled    = `{"code":200,"msg":"撤回消息成功","data":null}`
	tooOld      = `{"code":100,"msg":"无法撤回消息","data":null}`
	noMessage   = `{"code":100,"msg":"消息不存在","data":null}`
)

// listed is the answer with a list of room ids, or of messages as JSON strings.
func listed(texts ...string) string {
	if texts == nil {
		texts = []string{}
	}
	return `{"code":200,"msg":"操作成功","data":` + quoted(texts) + `}`
}

// fetched is the answer with old messages.
func fetched(texts ...string) string { return strings.Replace(listed(texts...), "操作", "获取", 1) }

// notFetched is the answer where the message is not there before which they stand.
const notFetched = `{"code":200,"msg":"获取成功","data":null}`

// request makes a call in one of the forms.
func (n *node) request(tb testing.TB, form, path string, as account, p params) *http.Request {
	tb.Helper()
	values := url.Values{}
	for k, v := range p {
		values.Set(k, v)
	}
	target := "http://" + n.addr + path
	var body io.Reader = http.NoBody
	var contentType string
	switch form {
	case "query":
		target += "?" + values.Encode()
	case "urlencoded":
		body, contentType = strings.NewReader(values.Encode()), "application/x-www-form-urlencoded"
	case "multipart":
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for k, v := range p {
			if err := w.WriteField(k, v); err != nil {
				tb.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			tb.Fatal(err)
		}
		body, contentType = &b, w.FormDataContentType()
	default:
		tb.Fatalf("BUG: no form %q", form)
	}
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, target, body)
	if err != nil {
		tb.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": contentType, "userId": as.user, "token": as.token} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	return req
}

// call makes a call with an urlencoded body.
func (n *node) call(tb testing.TB, path string, as account, p params) response {
	tb.Helper()
	return send(tb, n.request(tb, "urlencoded", path, as, p))
}

// wantEnvelope wants a call to be answered with HTTP 200 and these bytes.
func (n *node) wantEnvelope(tb testing.TB, path string, as account, p params, want string) {
	tb.Helper()
	wantBody(tb, n.call(tb, path, as, p), want)
}

func wantBody(tb testing.TB, got response, want string) {
	tb.Helper()
	if got.status != http.StatusOK || got.body != want {
		tb.Fatalf("answer:\n got %d %s\nwant 200 %s", got.status, got.body, want)
	}
	if kind := got.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		tb.Fatalf("Content-Type = %q; want application/json", kind)
	}
}

// wantBad wants an answer to a request that is wrong. HTTP status and code are the same, data is null, and msg says
// what is wrong, with the word in it.
func wantBad(tb testing.TB, got response, status int, word string) {
	tb.Helper()
	var e struct{ Msg string }
	if err := json.Unmarshal([]byte(got.body), &e); err != nil {
		tb.Fatalf("answer %d %q is no envelope: %v", got.status, got.body, err)
	}
	want := fmt.Sprintf(`{"code":%d,"msg":%s,"data":null}`, status, quoted(e.Msg))
	if got.status != status || got.body != want || !strings.Contains(e.Msg, word) {
		tb.Fatalf("answer:\n got %d %s\nwant %d %s with %q in it", got.status, got.body, status, want, word)
	}
}

// login logs user in.
func (n *node) login(tb testing.TB, user string) account {
	tb.Helper()
	got := n.call(tb, "/user/login", nobody, params{"userId": user, "password": "secret"})
	return account{user, wantLogin(tb, got)}
}

// wantLogin wants a login to have succeeded, and returns the token.
func wantLogin(tb testing.TB, got response) (token string) {
	tb.Helper()
	if _, err := fmt.Sscanf(got.body, `{"code":200,"msg":"%32x"`, new([]byte)); err != nil {
		tb.Fatalf("login = %s; want 32 hex digits as msg: %v", got.body, err)
	}
	token = got.body[len(`{"code":200,"msg":"`):][:32]
	wantBody(tb, got, `{"code":200,"msg":"`+token+`","data":"user_info"}`)
	return token
}
