package web_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"barrage/web"
)

// pages are the names of all pages.
func pages(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("*.html")
	if err != nil || len(names) < 2 {
		t.Fatalf("Glob(*.html) = %q, %v; want both pages", names, err)
	}
	return names
}

// get asks for a page, with the ETag of an older answer unless it is empty.
func get(name, tag string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	w := httptest.NewRecorder()
	web.Page(name, nil).ServeHTTP(w, r)
	return w
}

func TestPage_HeadersSayHTMLNoCacheNoSniff(t *testing.T) {
	for _, name := range pages(t) {
		t.Run(name, func(t *testing.T) {
			w := get(name, "")
			if w.Code != http.StatusOK {
				t.Fatalf("status %d, want 200", w.Code)
			}
			for header, want := range map[string]string{
				"Cache-Control":          "no-cache",
				"Content-Type":           "text/html; charset=utf-8",
				"X-Content-Type-Options": "nosniff",
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s is %q, want %q", header, got, want)
				}
			}
		})
	}
}

func TestPage_PolicyAllowsOnlyItsOwnStyleAndScript(t *testing.T) {
	for _, name := range pages(t) {
		t.Run(name, func(t *testing.T) {
			w := get(name, "")
			policy, body := w.Header().Get("Content-Security-Policy"), w.Body.String()
			for _, want := range []string{
				"default-src 'none'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
				"style-src 'sha256-" + digestOf(t, body, "style") + "'",
				"script-src 'sha256-" + digestOf(t, body, "script") + "'",
			} {
				if !strings.Contains("; "+policy+";", "; "+want+";") {
					t.Errorf("policy %q does not say %q", policy, want)
				}
			}
			if strings.Contains(policy, "unsafe") {
				t.Errorf("policy %q allows what is unsafe", policy)
			}
			// The policy blocks these without notifying the user.
			if found := regexp.MustCompile(`<[^>]*\s(style|on[a-z]+)="`).FindString(body); found != "" {
				t.Errorf("attribute that the policy blocks: %s", found)
			}
		})
	}
}

// digestOf is the SHA-256 of the page's only such element, as a policy spells it.
func digestOf(t *testing.T, body, tag string) string {
	t.Helper()
	if n := strings.Count(body, "<"+tag); n != 1 {
		t.Fatalf("%d <%s> elements, want 1", n, tag)
	}
	_, inner, _ := strings.Cut(body, "<"+tag+">")
	inner, _, _ = strings.Cut(inner, "</"+tag+">")
	sum := sha256.Sum256([]byte(inner))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// The pages that may frame it are asked for on each request: a reload may change them.
func TestPage_FrameAncestorsAreAskedForEachRequest(t *testing.T) {
	sources := "'none'"
	page := web.Page("room.html", func() string { return sources })
	for _, sources = range []string{"'none'", "https://a.example https://*.b.example"} {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		if policy, want := w.Header().Get("Content-Security-Policy"), "; frame-ancestors "+sources; !strings.HasSuffix(policy, want) {
			t.Errorf("policy %q does not end with %q", policy, want)
		}
	}
}

func TestPage_NotSentTwice(t *testing.T) {
	for _, name := range pages(t) {
		t.Run(name, func(t *testing.T) {
			tag := get(name, "").Header().Get("ETag")
			if w := get(name, tag); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
				t.Errorf("with its own ETag %s: status %d, %d bytes; want 304 and none", tag, w.Code, w.Body.Len())
			}
			if w := get(name, `"other"`); w.Code != http.StatusOK || w.Body.Len() == 0 {
				t.Errorf("with another ETag: status %d, %d bytes; want 200 and the page", w.Code, w.Body.Len())
			}
		})
	}
}

// A client that takes gzip is sent the same page, under a tag of its own.
func TestPage_GzippedIsTheSameUnderItsOwnTag(t *testing.T) {
	plain := get("room.html", "")
	for accepts, want := range map[string]string{"gzip, deflate, br": "gzip", "br;q=1.0, GZIP;q=0.5": "gzip", "gzip;q=0": "", "gzip;q=0.0, br": "", "gzip ; Q=0": "", "identity, *;q=0": "", "br": "", "": ""} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("Accept-Encoding", accepts)
		w := httptest.NewRecorder()
		web.Page("room.html", nil).ServeHTTP(w, r)
		if got := w.Header().Get("Content-Encoding"); got != want || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: Content-Encoding %q, Vary %q; want %q", accepts, got, w.Header().Get("Vary"), want)
		}
		if want == "" {
			continue
		}
		zipped, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(zipped)
		if err != nil || string(body) != plain.Body.String() || w.Header().Get("ETag") == plain.Header().Get("ETag") {
			t.Errorf("Accept-Encoding %q: %d bytes, %v, ETag %s; want the page under another tag than %s", accepts, len(body), err, w.Header().Get("ETag"), plain.Header().Get("ETag"))
		}
	}
}

// Requests of scripts, for an emote say, go to the node itself: the policy of Page holds that.
func TestPage_LoadsNothingFromElsewhere(t *testing.T) {
	elsewhere := regexp.MustCompile(`(?i:https?://|[\s"']src\s*=|@import|href="[^d])|\burl\([^)]|\bimport\b`)
	for _, name := range pages(t) {
		t.Run(name, func(t *testing.T) {
			if found := elsewhere.FindString(get(name, "").Body.String()); found != "" {
				t.Errorf("page has %q", found)
			}
		})
	}
}

func TestScript_IsWhatTheBuildMade(t *testing.T) {
	for name, mark := range map[string]string{"barrage.js": "var Barrage=", "barrage.mjs": "export{"} {
		t.Run(name, func(t *testing.T) {
			get := func(tag string) *httptest.ResponseRecorder {
				r := httptest.NewRequest(http.MethodGet, "/"+name, http.NoBody)
				r.Header.Set("If-None-Match", tag)
				w := httptest.NewRecorder()
				web.Script(name).ServeHTTP(w, r)
				return w
			}
			w := get("")
			want, err := os.ReadFile(filepath.Join("client", "dist", name))
			if err != nil || w.Code != http.StatusOK || w.Body.String() != string(want) || !strings.Contains(w.Body.String(), mark) {
				t.Errorf("status %d, %d bytes, %v; want what npm run build made, with %s", w.Code, w.Body.Len(), err, mark)
			}
			for header, want := range map[string]string{
				"Cache-Control":          "no-cache",
				"Content-Type":           "text/javascript; charset=utf-8",
				"X-Content-Type-Options": "nosniff",
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s is %q, want %q", header, got, want)
				}
			}
			if w := get(w.Header().Get("ETag")); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
				t.Errorf("with its own ETag: status %d, %d bytes; want 304 and none", w.Code, w.Body.Len())
			}
		})
	}
}

// Text of users must never be read as HTML or code.
func TestPage_MakesNoHTMLFromText(t *testing.T) {
	unsafe := regexp.MustCompile(`(?i)innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\b|new Function`)
	for _, name := range pages(t) {
		t.Run(name, func(t *testing.T) {
			if found := unsafe.FindString(get(name, "").Body.String()); found != "" {
				t.Errorf("page has %q", found)
			}
		})
	}
}

func TestPage_Accessible(t *testing.T) {
	labels := regexp.MustCompile(`(?s)<label[^>]*>.*?</label>`)
	field := regexp.MustCompile(`<(?:input|select|textarea)\b[^>]*>`)
	id := regexp.MustCompile(`\bid="([^"]+)"`)
	for _, name := range pages(t) {
		t.Run(name, func(t *testing.T) {
			body, _, _ := strings.Cut(get(name, "").Body.String(), "<script>")
			messages := map[string]string{"console.html": `role="feed"`}[name]
			if messages == "" {
				messages = `role="log"`
			}
			wants := []string{`<html lang="en">`, `name="viewport"`, messages, `role="status"`, ":focus-visible", `name="color-scheme" content="light dark"`}
			if name == "overlay.html" { // it has no controls, and no colours of its own: the picture below shows through
				wants = []string{`<html lang="en">`, `name="viewport"`, `role="alert"`}
				if found := regexp.MustCompile(`<(?:button|input|select|textarea|a)\b`).FindString(body); found != "" {
					t.Errorf("the overlay has a control: %s", found)
				}
			}
			for _, want := range wants {
				if !strings.Contains(body, want) {
					t.Errorf("page has no %s", want)
				}
			}
			if !regexp.MustCompile(`<title>[^<]+</title>`).MatchString(body) {
				t.Error("page has no title")
			}
			for _, f := range field.FindAllString(labels.ReplaceAllString(body, ""), -1) { // outside of all labels
				if m := id.FindStringSubmatch(f); m == nil || !strings.Contains(body, `for="`+m[1]+`"`) {
					t.Errorf("field without a label: %s", f)
				}
			}
		})
	}
}

// Each text that the page of the sockets names is there in both languages; the room's
// own tests (page/test) hold its texts.
func TestPage_TextsInBothLanguages(t *testing.T) {
	dictionary := regexp.MustCompile(`(?s)\n  (en|zh): \{\n(.*?)\n  \},`)
	key := regexp.MustCompile(`(?:^|[\s,])([a-zA-Z]+): `)
	use := regexp.MustCompile(`\bt\('([a-zA-Z]+)'\)|data-(?:t|label|hint)="([a-zA-Z]+)"|said\([^)]*'([a-zA-Z]+)'\)`)
	body := get("test.html", "").Body.String()
	found := dictionary.FindAllStringSubmatch(body, -1)
	if len(found) != 2 {
		t.Fatalf("%d languages, want 2", len(found))
	}
	uses := use.FindAllStringSubmatch(body, -1)
	if len(uses) < 10 {
		t.Fatalf("only %d texts are used", len(uses))
	}
	for _, language := range found {
		known := map[string]bool{}
		for _, m := range key.FindAllStringSubmatch(language[2], -1) {
			known[m[1]] = true
		}
		for _, m := range uses {
			if text := m[1] + m[2] + m[3]; !known[text] {
				t.Errorf("text %q is not there in %s", text, language[1])
			}
		}
	}
}

func TestPage_PanicsWithoutSuchPage(t *testing.T) {
	defer func() {
		if got, ok := recover().(string); !ok || !strings.HasPrefix(got, "BUG: ") {
			t.Errorf("panic is %q, want BUG: ...", got)
		}
	}()
	web.Page("none.html", nil)
}
