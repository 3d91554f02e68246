package v1

import (
	"testing"
)

func TestAnswerDeflate_OnlyWithParametersWeCanMeet(t *testing.T) {
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
		"permessage-deflate; server_max_window_bits=015":                             false, // RFC 7692 section 7.1.2
		"permessage-deflate; client_max_window_bits=08":                              false,
		"permessage-deflate; client_max_window_bits=\"\"":                            false, // RFC 6455 section 9.1
		"permessage-deflate; client_max_window_bits=\"10\"":                          true,
		"permessage-bzip2": false,
		"":                 false,
		";;;":              false,
	} {
		if got := answerDeflate([]string{header}); (got != "") != want {
			t.Errorf("answerDeflate(%q) = %q; want one: %v", header, got, want)
		}
	}
}

// TestAnswerDeflate_NamesTheWindowThatIsAskedFor: a client fails the connection where the answer lacks it.
func TestAnswerDeflate_NamesTheWindowThatIsAskedFor(t *testing.T) {
	const plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	for header, want := range map[string]string{
		"permessage-deflate; client_max_window_bits":                                  plain,
		"permessage-deflate; server_max_window_bits=15":                               plain + "; server_max_window_bits=15",
		"permessage-deflate; server_max_window_bits=9, permessage-deflate":            plain,
		"permessage-deflate, permessage-deflate; server_max_window_bits=15":           plain,
		"permessage-deflate; server_max_window_bits=15; server_no_context_takeover":   plain + "; server_max_window_bits=15",
		"permessage-deflate; server_max_window_bits=8; client_no_context_takeover, x": "",
	} {
		if got := answerDeflate([]string{header}); got != want {
			t.Errorf("answerDeflate(%q) = %q; want %q", header, got, want)
		}
	}
}

func TestOffers_NamesAsTheyStand(t *testing.T) {
	for header, want := range map[string]bool{
		"barrage.v1": true, "bearer.x ,\tbarrage.v1": true, "BARRAGE.V1": false, "barrage.v10": false, "": false,
	} {
		if got := offers([]string{"chat", header}, subprotocol); got != want {
			t.Errorf("offers(%q) = %v; want %v", header, got, want)
		}
	}
}
