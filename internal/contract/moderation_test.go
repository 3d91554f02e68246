package contract

import (
	"bytes"
	"errors"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/internal/redistest"
)

// Order in a room, kept by an operator with the commands of the program.

// operator calls a node's admin port with the program.
type operator struct {
	n   *node
	key string // empty: none
}

// run runs "barrage admin" and returns what it prints and its exit code.
func (o operator) run(tb testing.TB, args ...string) (stdout, stderr string, code int) {
	tb.Helper()
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(tb.Context(), program, append([]string{"admin"}, args...)...)
	cmd.Dir = tb.TempDir() // no config.yaml
	cmd.Env = []string{"BARRAGE_ADMIN_KEY=" + o.key}
	if o.n != nil {
		cmd.Env = append(cmd.Env, "BARRAGE_ADMIN_SERVER="+o.n.admin)
	}
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			tb.Fatalf("cannot run barrage admin %q: %v", args, err)
		}
	}
	return out.String(), complaints.String(), cmd.ProcessState.ExitCode()
}

// want runs a command that must go well and print this.
func (o operator) want(tb testing.TB, says string, args ...string) {
	tb.Helper()
	if stdout, stderr, code := o.run(tb, args...); code != 0 || stdout != says+"\n" {
		tb.Fatalf("barrage admin %q: exit code %d, %q, %q; want %q", args, code, stdout, stderr, says)
	}
}

// wantFrame skips what comes before a frame with this in it.
func (c *client) wantFrame(part string) {
	c.tb.Helper()
	c.wantFrames(part)
}

// wantFrames is wantFrame for several, which may come in any order.
func (c *client) wantFrames(parts ...string) (frames []string) {
	c.tb.Helper()
	frames = make([]string, len(parts))
	for slices.Contains(frames, "") {
		frame := c.text()
		for i, part := range parts {
			if strings.Contains(frame, part) {
				frames[i] = frame
			}
		}
	}
	return frames
}

// A moderator at the command line of one node mutes and bans a user and clears the room. The user and the others see it
// on the other node, at once.
func TestModeration_CommandLineActsOnTheOtherNode(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			keys := filepath.Join(t.TempDir(), "keys.yaml")
			key, _, _ := operator{}.run(t, "key", "new", "oncall", "--can", "moderate,ops", "--file", keys)
			settings := []string{"auth.mode=jwt", "auth.jwt_secret=" + jwtSecret, "admin.keys_file=" + keys}
			var one, two *node
			if store == "redis" {
				nodes := twoNodes(t, redistest.Start(t), settings...)
				one, two = nodes[0], nodes[1]
			} else { // the state of one node, which is the other one as well
				one = startNode(t, settings...)
				two = one
			}
			op := operator{one, strings.TrimSpace(key)}
			enter := func(user string) *client {
				return two.dialNative(t, "live", account{user, jwtFor(t, user, time.Now())})
			}
			bob, alice := enter("bob"), enter("alice")
			for _, body := range []string{"one", "two"} {
				bob.say(`{"t":"send","id":"` + body + `","body":"` + body + `"}`)
				bob.wantFrame(`{"t":"ack","id":"` + body + `"`)
				alice.wantFrame(`"body":"` + body + `"`)
			}

			op.want(t, "bob is muted in live for 10m", "mute", "live", "bob", "--for", "10m", "--reason", "calm down")
			bob.say(`{"t":"send","id":"three","body":"three"}`)
			// two ways, from the store and by its event
			told := bob.wantFrames(`{"t":"you",`, `{"t":"refused","id":"three","code":"muted"`)
			if you := told[0]; !strings.Contains(you, `"reason":"calm down"`) || strings.Contains(you, `"muted_until":0`) {
				t.Errorf("bob was told %s; want until when, and why", you)
			}

			op.want(t, "bob is banned from live for good, and 2 messages are taken away", "ban", "live", "bob", "--purge", "--yes")
			if reason := bob.wantClose(4403); reason != "banned" {
				t.Errorf("bob was closed with %q; want banned", reason)
			}
			alice.wantFrame(`{"t":"purged","user_id":"bob","since":0,"until":`)
			for _, n := range []*node{one, two} {
				if _, _, status, err := n.dialToken(t.Context(), "live", jwtFor(t, "bob", time.Now())); status != http.StatusForbidden {
					t.Errorf("bob came back: %d, %v; want 403", status, err)
				}
			}

			alice.say(`{"t":"send","id":"four","body":"four"}`)
			alice.wantFrame(`{"t":"ack","id":"four"`)
			op.want(t, "the history of live is cleared", "clear", "live", "--yes")
			alice.wantFrame(`{"t":"cleared",`)
			carol, first, _, err := two.dialToken(t.Context(), "live", jwtFor(t, "carol", time.Now()))
			if err != nil || !strings.Contains(first, `"messages":[]`) {
				t.Fatalf("the first frame of carol is %s, %v; want no messages", first, err)
			}
			if err := carol.Close(websocket.StatusNormalClosure, ""); err != nil {
				t.Error(err)
			}

			order, _, _ := op.run(t, "order", "live")
			log, _, _ := op.run(t, "log", "live")
			for text, words := range map[string][]string{order: {"cleared", "mute", "calm down", "ban", "for good", "oncall"}, log: {"clear", "ban", "mute", "server, admin", "calm down"}} {
				for _, word := range words {
					if !strings.Contains(text, word) {
						t.Errorf("%q is not in:\n%s", word, text)
					}
				}
			}
			if _, stderr, code := (operator{one, ""}).run(t, "unban", "live", "bob"); code != 1 || !strings.Contains(stderr, ": 401 unauthenticated: ") || !strings.Contains(stderr, "Set BARRAGE_ADMIN_KEY") {
				t.Errorf("without a key: exit code %d, %s; want 401 and what to do", code, stderr)
			}
			op.want(t, "bob is not banned from live", "unban", "live", "bob")
			eventually(t, func() error { // node two is notified by an event
				c, _, _, err := two.dialToken(t.Context(), "live", jwtFor(t, "bob", time.Now()))
				if err == nil {
					err = c.CloseNow()
				}
				return err
			})
			back := enter("bob") // muted still
			back.say(`{"t":"send","id":"five","body":"five"}`)
			back.wantFrame(`{"t":"refused","id":"five","code":"muted"`)
		})
	}
}
