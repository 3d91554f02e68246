package fastim

import (
	"strings"
	"testing"
)

// TestInAnswer_IsAMiBAsItIsSent: a range is at most answerBytes as it is sent, whatever the messages have that takes
// more as text in a text. The range is not much less where there is more.
func TestInAnswer_IsAMiBAsItIsSent(t *testing.T) {
	for what, text := range map[string]string{"letters": "x", "quotes": `\"`, "backslashes": `\\`, "lines": `\n`, "controls": `\u0001`} {
		m := `{"groupId":"r","userId":"u","info":"` + strings.Repeat(text, 4000/len(text)) + `","ts":1}`
		messages := make([]string, 600)
		for i := range messages {
			messages[i] = m
		}
		size := len(envelope{codeOK, textOK, inAnswer(messages)}.encode())
		if most := answerBytes + 100; size > most || size < answerBytes-10_000 {
			t.Errorf("%s: %d bytes; want at most %d, and nearly that", what, size, most)
		}
	}
}
