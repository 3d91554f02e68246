package remote

import (
	"net/netip"
	"net/url"
	"strings"

	"barrage/internal/signed"
)

// SafeURL reports whether answers from the URL cannot be changed on the way: TLS protects them, or they stay on this
// machine.
func SafeURL(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && addr.IsLoopback())
}

// hidden stands for what [Redacted] does not show.
const hidden = signed.Hidden

// Redacted is a URL for logs and errors: without its password, its fragment and the values of its query. It is without
// a user that has no password, too, for that may be a key. A URL that has nothing of these stays as it is. A text that
// is no URL is not shown.
func Redacted(text string) string { return redacted(text, false) }

// RedactedHook is Redacted for the URL of a service that is called, whose path may be the key to it: it has none.
func RedactedHook(text string) string { return redacted(text, true) }

func redacted(text string, hook bool) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" && strings.Contains(text, "@") { // the part before an @ may be a password
		return "(no URL)"
	}
	if hook = hook && u.Host != "" && strings.Trim(u.Path, "/") != ""; hook {
		u.Path, u.RawPath = "/"+hidden, "/"+hidden // url.URL would escape the stars of a Path alone
	}
	if !hook && u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		return text
	}
	who := ""
	if u.User != nil {
		who = hidden + "@"
		if _, has := u.User.Password(); has {
			who = url.User(u.User.Username()).String() + ":" + who
		}
	}
	parts := strings.FieldsFunc(u.RawQuery, func(r rune) bool { return r == '&' || r == ';' })
	for i, part := range parts {
		name, _, has := strings.Cut(part, "=")
		if parts[i] = hidden; has {
			parts[i] = name + "=" + hidden
		}
	}
	u.User, u.RawQuery, u.Fragment, u.RawFragment = nil, strings.Join(parts, "&"), "", ""
	shown := u.String()
	if who != "" { // here, for [url.Userinfo] would escape the stars
		shown = strings.Replace(shown, "//", "//"+who, 1)
	}
	return shown
}
