package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"barrage/internal/chat"
	"barrage/redisx"
)

// lateRecalls is a server whose store notifies it of recalls only when the test lets it.
type lateRecalls struct {
	redisx.Handler

	mu    sync.Mutex // guards the field below
	waits []func()
}

// RoomEvent keeps recalls and passes on all else.
func (l *lateRecalls) RoomEvent(id string, ev chat.Event) {
	if ev.Kind != chat.EventRecall {
		l.Handler.RoomEvent(id, ev)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waits = append(l.waits, func() { l.Handler.RoomEvent(id, ev) })
}

// take is what was kept, oldest first.
func (l *lateRecalls) take() (waits []func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	waits, l.waits = l.waits, nil
	return waits
}

// TestRecall_WelcomeRightBehindTheAnswer: a recall that was answered is in no welcome of its node, though its event has
// not come yet.
func TestRecall_WelcomeRightBehindTheAnswer(t *testing.T) {
	const times = 50
	s := newStopped(t, nil)
	late := &lateRecalls{Handler: s}
	storeOf(s).Start(late)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.store.SetToken(t.Context(), "u", "t"); err != nil {
		t.Fatal(err)
	}
	join(t, s, "r", "stays")
	for i := range times {
		kept, gone := fmt.Sprintf("kept %d.", i), fmt.Sprintf("gone %d.", i)
		say(t, s, kept)
		ack := say(t, s, gone)
		wantWelcomes(t, s, kept, gone, true)
		if i%2 == 0 {
			path := fmt.Sprint(pathMessages, "/", ack.Seq)
			if a := callV1(t, s, http.MethodDelete, path, "u", ""); a.status != http.StatusNoContent {
				t.Fatalf("DELETE = %d %s; want 204", a.status, a.body)
			}
		} else {
			form := url.Values{"groupId": {"r"}, "ts": {fmt.Sprint(ack.TS)}}
			status, body, _ := callAPI(t, s, "/group/delMessage", form)
			if status != http.StatusOK || !strings.Contains(body, textRecalled) {
				t.Fatalf("delMessage = %d %s; want %q", status, body, textRecalled)
			}
		}
		wantWelcomes(t, s, kept, gone, false)
	}
	waits := late.take()
	if len(waits) != times {
		t.Errorf("%d recalls were kept back; want %d", len(waits), times)
	}
	for _, tell := range waits {
		tell()
	}
	wantWelcomes(t, s, fmt.Sprintf("kept %d.", times-1), "gone", false)
}

// say sends a message of user u to room r over HTTP.
func say(t *testing.T, s *Server, body string) (ack frameV1) {
	t.Helper()
	a := callV1(t, s, http.MethodPost, pathMessages, "u", fmt.Sprintf(`{"id":%q,"body":%[1]q}`, body))
	if a.status != http.StatusCreated {
		t.Fatalf("send = %d %s; want 201", a.status, a.body)
	}
	a.decode(t, &ack)
	return ack
}

// wantWelcomes has clients that enter room r by either protocol get the message kept first, and gone if it is shown.
func wantWelcomes(t *testing.T, s *Server, kept, gone string, shown bool) {
	t.Helper()
	n, welcome := dialV1(t, s, "r", "user_id=v&token=t", false)
	var native strings.Builder
	for _, m := range welcome.messages(t) {
		native.WriteString(m.Body)
	}
	c := dial(t, s, chatPath("r", "w"))
	for encoding, text := range map[string]string{"native": native.String(), "FastIM's": c.wantText()} {
		if !strings.Contains(text, kept) || strings.Contains(text, gone) != shown {
			t.Errorf("the %s welcome is %s; want %q, and %q in it: %v", encoding, text, kept, gone, shown)
		}
	}
	_, _ = n.conn.CloseNow(), c.conn.Close() // the cleanup does it again
}

// TestRecall_RepeatedWithoutItsLog: the store has lost the log of recalls; the node remembers. A client that repeats a
// recall is notified that it is done, and so is the room. A recall of a message that nobody sent still finds none.
func TestRecall_RepeatedWithoutItsLog(t *testing.T) {
	s := newServerV1(t, nil)
	n := joinV1(t, s, "u")
	ack := say(t, s, "gone")
	n.want("batch")
	recall := fmt.Sprintf(`{"t":"recall","id":"r","epoch":%q,"seq":%d}`, ack.Epoch, ack.Seq)
	told := func(what string) {
		t.Helper()
		got := n.wantAll("ack", "recalled")
		if a, r := got["ack"], got["recalled"]; a.ID != "r" || a.Seq != ack.Seq || a.Epoch != ack.Epoch || r.Seq != ack.Seq || r.By != "u" {
			t.Errorf("%s: %+v; want an ack of r, and message %d taken back by u", what, got, ack.Seq)
		}
	}
	n.send(recall)
	told("the first time")
	for _, why := range []error{chat.ErrOtherEpoch, chat.ErrNoMessage} { // all is lost, or the log is
		storeOf(s).fail(fmt.Errorf("no log: %w", why), "RecallSeq", "Recall")
		n.send(recall)
		told("again")
	}
	if a := callV1(t, s, http.MethodDelete, fmt.Sprint(pathMessages, "/", ack.Seq), "u", ""); a.status != http.StatusNoContent {
		t.Errorf("DELETE = %d %s; want 204", a.status, a.body)
	}
	n.want("recalled")
	form := url.Values{"groupId": {"r"}, "ts": {fmt.Sprint(ack.TS)}}
	if status, body, _ := callAPI(t, s, "/group/delMessage", form); status != http.StatusOK || !strings.Contains(body, textRecalled) {
		t.Errorf("delMessage = %d %s; want %q", status, body, textRecalled)
	}
	n.want("recalled")
	form.Set("ts", fmt.Sprint(ack.TS+1))
	if _, body, _ := callAPI(t, s, "/group/delMessage", form); !strings.Contains(body, textNoMessage) {
		t.Errorf("delMessage of what nobody said = %s; want %q", body, textNoMessage)
	}
	if a := callV1(t, s, http.MethodDelete, fmt.Sprint(pathMessages, "/", ack.Seq+1), "u", ""); a.status != http.StatusNotFound {
		t.Errorf("DELETE of what nobody said = %d; want 404", a.status)
	}
}
