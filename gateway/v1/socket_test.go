package v1

import (
	"testing"
)

func TestOffersDeflate_OnlyWithParametersWeCanMeet(t *testing.T) {
	for header, want := range map[string]bool{
		"permessage-deflate":                                                         true,
		"permessage-deflate; client_max_window_bits":                                 true,
		"x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=15":      true,
		"permessage-deflate; server_max_window_bits=10":                              false,
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":          true,
		"permessage-deflate; server_max_window_bits":                                 false,
		"permessage-deflate; client_max_window_bits=9":                               true,
		"permessage-deflate; client_max_window_bits=7":                               false,
		"permessage-deflate; client_max_window_bits=x":                               false,
		"permessage-deflate; server_no_context_takeover=1":                           false,
		"permessage-deflate; client_no_context_takeover; client_no_context_takeover": false,
		"permessage-deflate; no_such_thing":                                          false,
		"permessage-deflate; no_such_thing, permessage-deflate":                      true,
		"permessage-bzip2": false,
		"":                 false,
		";;;":              false,
	} {
		if got := offersDeflate([]string{header}); got != want {
			t.Errorf("offersDeflate(%q) = %v; want %v", header, got, want)
		}
	}
}
