package swarm

import (
	"testing"

	"barrage/codec"
)

// TestBody_ComesBackFromAMessage: in each dialect a sampled viewer finds in a message
// what its sender put there.
func TestBody_ComesBackFromAMessage(t *testing.T) {
	const due, number = 1_648_368_380_132_456, 77
	body := appendBody(nil, due, number, 60)
	if len(body) != 60 {
		t.Errorf("body has %d bytes; want 60", len(body))
	}
	d := codec.NewDraft("storm", "u", string(body), 1)
	for dialect, text := range map[dialect]string{
		fastim{}:     string(d.AppendJSON(nil, 1)),
		raw("/"):     string(body),
		centrifugo{}: `{"push":{"channel":"storm","pub":{"data":"` + string(body) + `"}}}`,
	} {
		gotDue, gotNumber, ok := parseBody([]byte(text), dialect.manner().mark)
		if !ok || gotDue != due || gotNumber != number {
			t.Errorf("%T: parseBody(%s) = %d, %d, %v; want %d, %d", dialect, text, gotDue, gotNumber, ok, due, number)
		}
	}
	if _, _, ok := parseBody([]byte(`{"info":"b 12"}`), fastim{}.manner().mark); ok {
		t.Error("half a body passed for one")
	}
}
