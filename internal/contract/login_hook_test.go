package contract

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"barrage/internal/port"
)

// hook answers as the password says.
func hook(released <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.PostFormValue("password") {
		case "right":
			if r.Method != http.MethodPost || r.PostFormValue("userId") != "张三&" {
				w.WriteHeader(http.StatusTeapot)
			}
		case "empty":
			w.WriteHeader(http.StatusNoContent)
		case "crash":
			panic(http.ErrAbortHandler)
		case "slow":
			<-released
		case "redirect":
			http.Redirect(w, r, "/login-page", http.StatusFound)
		default:
			if r.URL.Path != "/login-page" {
				w.WriteHeader(http.StatusForbidden)
			}
		}
	}
}

func TestLoginHook_A200AloneLetsIn(t *testing.T) {
	t.Parallel()
	released := make(chan struct{}) // Closed before the server, which waits for its handlers.
	app := httptest.NewServer(hook(released))
	t.Cleanup(app.Close)
	t.Cleanup(func() { close(released) })
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			// A busy machine may keep an answer for 200 ms.
			n := startOn(t, store, "auth.login_url="+app.URL+"/hook", "auth.login_timeout=2s")
			login := func(t *testing.T, password string) response {
				t.Helper()
				return n.call(t, "/user/login", nobody, params{"userId": "张三&", "password": password})
			}
			t.Run("200 lets in", func(t *testing.T) {
				a := account{"张三&", wantLogin(t, login(t, "right"))}
				n.wantEnvelope(t, "/user/listGroup", a, nil, listed())
			})
			for name, password := range map[string]string{
				"403 refuses": "wrong", "204 refuses": "empty", "a redirect refuses": "redirect",
				"a broken answer refuses": "crash", "no answer in time refuses": "slow",
			} {
				t.Run(name, func(t *testing.T) {
					wantBody(t, login(t, password), loginFailed)
				})
			}
			t.Run("a refusal leaves the old token alone", func(t *testing.T) {
				a := account{"张三&", wantLogin(t, login(t, "right"))}
				wantBody(t, login(t, "wrong"), loginFailed)
				n.wantEnvelope(t, "/user/listGroup", a, nil, listed())
			})
		})
	}
}

func TestLoginHook_DownLetsNobodyIn(t *testing.T) {
	t.Parallel()
	n := startNode(t, "auth.login_url=http://"+port.Dead)
	n.wantEnvelope(t, "/user/login", nobody, params{"userId": "u", "password": "p"}, loginFailed)
}
