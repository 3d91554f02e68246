package remote

import "testing"

func TestRedacted_ShowsNoPasswordOrQuery(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "",
		"off":                                  "off",
		"https://id.test/keys":                 "https://id.test/keys",
		"HTTPS://ID.test:8443":                 "HTTPS://ID.test:8443",
		"https://id.test/keys?":                "https://id.test/keys?",
		"https://me:hunter2@id.test/keys":      "https://me:***@id.test/keys",
		"https://me:@id.test":                  "https://me:***@id.test",
		"https://:hunter2@id.test":             "https://:***@id.test",
		"https://m%2Fe:hunter2@[::1]:80/a%2Fb": "https://m%2Fe:***@[::1]:80/a%2Fb",
		"https://hunter2@id.test/keys":         "https://***@id.test/keys",
		"//me:hunter2@id.test/keys":            "//me:***@id.test/keys",
		"https://id.test/keys?v=hunter2&api_key=hunter2=hunter2&b=": "https://id.test/keys?v=***&api_key=***&b=***",
		"https://id.test/keys?a=hunter2;b=hunter2":                  "https://id.test/keys?a=***&b=***",
		"https://id.test/keys?hunter2":                              "https://id.test/keys?***",
		"https://id.test/keys#hunter2":                              "https://id.test/keys",
		"https://me:hunter2@id.test?key=hunter2#hunter2":            "https://me:***@id.test?key=***",
		"me:hunter2@id.test/keys":                                   "(no URL)",
		"https:/me:hunter2@id.test/keys":                            "(no URL)",
		"https://me:hunter2@":                                       "(no URL)",
		"https://me:hunter2@id.test:port/":                          "(no URL)",
		"my_name:hunter2":                                           "(no URL)",
	} {
		if got := Redacted(text); got != want {
			t.Errorf("Redacted(%q) = %q; want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"":                         "",
		"off":                      "off",
		"https://app.test":         "https://app.test",
		"https://app.test/":        "https://app.test/",
		"https://app.test/hunter2": "https://app.test/***",
		"https://me:hunter2@app.test:8443/a/hunter2/?key=hunter2": "https://me:***@app.test:8443/***?key=***",
		"https://app.test/a%2Fhunter2#hunter2":                    "https://app.test/***",
	} {
		if got := RedactedHook(text); got != want {
			t.Errorf("RedactedHook(%q) = %q; want %q", text, got, want)
		}
	}
}
