package web_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"barrage/web"
)

// folder has files of these names and sizes.
func folder(t *testing.T, files map[string]int) string {
	t.Helper()
	dir := t.TempDir()
	for name, size := range files {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEmotes_AreListedAndServed(t *testing.T) {
	e, err := web.ReadEmotes(folder(t, map[string]int{"gg.png": 10, "Hype_1.webp": 256 << 10, "+1.gif": 0}))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /emotes", e.List())
	mux.Handle("GET /emotes/{file}", e)
	for path, want := range map[string]struct {
		status int
		kind   string
		body   int
	}{
		"/emotes":             {http.StatusOK, "application/json", len(`{"+1":"emotes/+1.gif","Hype_1":"emotes/Hype_1.webp","gg":"emotes/gg.png"}`)},
		"/emotes/gg.png":      {http.StatusOK, "image/png", 10},
		"/emotes/Hype_1.webp": {http.StatusOK, "image/webp", 256 << 10},
		"/emotes/gg.gif":      {http.StatusNotFound, "text/plain; charset=utf-8", len("404 page not found\n")},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		if w.Code != want.status || w.Header().Get("Content-Type") != want.kind || w.Body.Len() != want.body {
			t.Errorf("%s = %d %s of %d bytes; want %+v", path, w.Code, w.Header().Get("Content-Type"), w.Body.Len(), want)
		}
	}
	none, err := web.ReadEmotes("")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	none.List().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/emotes", http.NoBody))
	if w.Body.String() != "{}" {
		t.Errorf("without a folder: %s; want {}", w.Body)
	}
}

// A volume of Kubernetes has each file as a link into a folder of that moment.
func TestEmotes_OfAVolumeAreListed(t *testing.T) {
	dir := folder(t, map[string]int{".DS_Store": 1 << 20})
	moment := filepath.Join(dir, "..2026_11_27")
	err := errors.Join(
		os.Mkdir(moment, 0o700), os.WriteFile(filepath.Join(moment, "gg.png"), make([]byte, 10), 0o600),
		os.Symlink("..2026_11_27", filepath.Join(dir, "..data")), os.Symlink("..data/gg.png", filepath.Join(dir, "gg.png")),
	)
	if err != nil {
		t.Fatal(err)
	}
	e, err := web.ReadEmotes(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	e.List().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/emotes", http.NoBody))
	if got, want := w.Body.String(), `{"gg":"emotes/gg.png"}`; got != want {
		t.Errorf("emotes are %s; want %s", got, want)
	}
}

// Pictures are small as they are: in memory stands each once.
func TestEmotes_NotGzipped(t *testing.T) {
	e, err := web.ReadEmotes(folder(t, map[string]int{"gg.png": 1000}))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/emotes/gg.png", http.NoBody)
	r.SetPathValue("file", "gg.png")
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	if w.Header().Get("Content-Encoding") != "" || w.Body.Len() != 1000 {
		t.Errorf("Content-Encoding %q, %d bytes; want the picture as it is", w.Header().Get("Content-Encoding"), w.Body.Len())
	}
}

func TestEmotes_SaysWhatIsWrong(t *testing.T) {
	for want, dir := range map[string]string{
		"no such file or directory":                   filepath.Join(t.TempDir(), "none"),
		"cannot read the emote ":                      folder(t, map[string]int{"readme.txt": 1}),
		"want 1 to 32 of a-z A-Z 0-9 _ + -, and .png": folder(t, map[string]int{"evil.svg": 1}),
		"it has 262145 bytes, want at most 256KiB":    folder(t, map[string]int{"big.png": 256<<10 + 1}),
		"is :gg:, too":                                folder(t, map[string]int{"gg.png": 1, "gg.gif": 1}),
	} {
		if _, err := web.ReadEmotes(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadEmotes(%s) = %v; want %q", dir, err, want)
		}
	}
}
