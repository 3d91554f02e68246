package admin

import (
	"strings"
	"testing"
)

// Beyond this machine nothing is served without keys.
func TestConfig_RefusesToBeOpen(t *testing.T) {
	for listen, ok := range map[string]bool{
		"": true, "127.0.0.1:9001": true, "127.7.7.7:0": true, "[::1]:9001": true, "localhost:9001": true,
		":9001": false, "0.0.0.0:9001": false, "[::]:9001": false, "10.0.0.7:9001": false, "admin.example:9001": false,
	} {
		if err := (Config{Listen: listen}).Validate(); (err == nil) != ok {
			t.Errorf("admin.listen %q without keys: %v; want it taken: %v", listen, err, ok)
		}
		if err := (Config{Listen: listen, KeysFile: "keys.yaml"}).Validate(); err != nil {
			t.Errorf("admin.listen %q with keys: %v", listen, err)
		}
	}
}

// Without keys it would be open to strangers: such a node does not start.
func TestConfig_PublicNeedsKeys(t *testing.T) {
	if err := (Config{Listen: "off", Public: true}).Validate(); err == nil || !strings.Contains(err.Error(), "public:") || !strings.Contains(err.Error(), "keys_file") {
		t.Errorf("admin.public without keys: %v; want what to set", err)
	}
	if err := (Config{Listen: "off", Public: true, KeysFile: "keys.yaml"}).Validate(); err != nil {
		t.Errorf("admin.public with keys: %v", err)
	}
}

// The hash of settings changes with each value, and not with where it comes from.
func TestHash_ChangesWithValuesAlone(t *testing.T) {
	of := func(all ...Setting) string { return Hash(all) }
	if one := of(Setting{"a", "1", "file"}); one != of(Setting{"a", "1", "default"}) || one == of(Setting{"a", "2", "file"}) {
		t.Error("the hash is not that of keys and values")
	}
}
