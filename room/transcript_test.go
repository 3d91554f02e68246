package room

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "write what the transcripts give into their files; commit only a difference you understand")

// TestTranscripts_EffectsAreWhatTheFilesSay runs testdata/*.txt: commands in, effects out. A block is a line of
// commands, "----", and their effects; commands are
//
//	open ROOM            someone holds the room
//	release ROOM         and lets it go
//	join NAME ROOM       NAME becomes a member; shows the welcome
//	leave NAME
//	stall NAME BYTES     NAME's socket takes so many bytes more
//	drain NAME           NAME's socket takes everything again
//	post ROOM TEXT       TEXT comes from a member; TEXT*N is N times as long
//	publish              publishers do all they can
//	turn                 one lane does one turn
//	run                  all do all they can
//	deaf on|off          the store delivers no events
//	fail on|off          every call of the store fails
//	lose on|off          Publish does its work, but its answer is lost
//	away                 every call of the store fails, and it reports that
//	back                 it is there again
//	other ROOM TEXT      TEXT comes from another node
//	wipe                 the store loses all its data
//	resumed              the store reports that events may have been missed
//	recall ROOM SEQ
//	tick SECONDS         time passes
//	stats                the hall's figures that are not 0
func TestTranscripts_EffectsAreWhatTheFilesSay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runTranscript(t, string(text))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(text) {
				t.Errorf("%s differs; run with -rewrite and look at the difference. Got:\n%s", file, got)
			}
		})
	}
}

// runTranscript returns the text with the effects that its commands had.
func runTranscript(t *testing.T, text string) string {
	t.Helper()
	s := &script{
		fixture: newFixture(t, func(c *Config) {
			c.OnJoin = 3
			c.Fanout.Lanes = 1
			c.Fanout.LogBytes, c.Fanout.WriteBytes = 8<<10, 4<<10
		}, Callbacks{}),
		rooms: map[string]*Room{}, members: map[string]*actor{},
	}
	var out strings.Builder
	skip := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "#"), line == "":
			skip = false
			fmt.Fprintln(&out, line)
		case line == "----":
			skip = true
			fmt.Fprintln(&out, line)
			for _, effect := range s.effects {
				fmt.Fprintln(&out, effect)
			}
			s.effects = nil
		case !skip:
			fmt.Fprintln(&out, line)
			for command := range strings.SplitSeq(line, ";") {
				s.do(strings.Fields(command))
			}
		}
	}
	return out.String()
}

// script is a hall, its store, and the members that are there.
type script struct {
	*fixture
	rooms   map[string]*Room
	members map[string]*actor
	effects []string
}

// actor is a member whose socket notes what it is given.
type actor struct {
	Member
	fakeSocket
	script *script
	name   string
	in     *Room
}

func (a *actor) Send(p []byte) (int, bool) {
	had := len(a.got)
	n, full := a.fakeSocket.Send(p)
	what := []string{}
	for _, info := range infos(a.script.t, (&fakeSocket{got: a.got[had:]}).texts(a.script.t)) {
		what = append(what, short(info))
	}
	note := fmt.Sprintf("%s gets %v", a.name, what)
	if full {
		note += " and takes no more"
	}
	a.script.effects = append(a.script.effects, note)
	return n, full
}

// short keeps long bodies readable.
func short(info string) string {
	if len(info) > 12 {
		return fmt.Sprintf("%s..%d", info[:3], len(info))
	}
	return info
}

func (s *script) note(format string, args ...any) {
	s.effects = append(s.effects, fmt.Sprintf(format, args...))
}

func (s *script) do(f []string) {
	switch f[0] {
	case "open":
		r, err := s.hall.Open(s.t.Context(), f[1])
		if err != nil {
			s.note("cannot open: %v", err)
			return
		}
		s.rooms[f[1]] = r
	case "release":
		s.rooms[f[1]].Release()
	case "join":
		a := &actor{fakeSocket: fakeSocket{room: -1}, script: s, name: f[1], in: s.rooms[f[2]]}
		s.members[f[1]] = a
		welcome := (&fakeSocket{got: a.in.Enter(&a.Member, a)}).texts(s.t)[0]
		s.note("%s is welcomed with %s", f[1], brief(s.t.(*testing.T), welcome))
		a.in.Attach(&a.Member)
	case "leave":
		a := s.members[f[1]]
		a.shut = true
		a.in.Leave(&a.Member)
	case "stall":
		n, err := strconv.Atoi(f[2])
		if err != nil {
			s.t.Fatal(err)
		}
		s.members[f[1]].room = n
	case "drain":
		a := s.members[f[1]]
		a.room = -1
		a.in.Drained(&a.Member)
	case "post":
		body := f[2]
		if text, times, ok := strings.Cut(f[2], "*"); ok {
			n, _ := strconv.Atoi(times)
			body = strings.Repeat(text, n)
		}
		s.post(s.rooms[f[1]], body)
	default:
		s.doWorld(f)
	}
}

// doWorld is the commands that are not about one room or member.
func (s *script) doWorld(f []string) {
	turn := func(on, off func()) {
		if len(f) > 1 && f[1] == "on" {
			on()
		} else {
			off()
		}
	}
	switch f[0] {
	case "publish":
		s.deliverAll()
	case "turn":
		s.work()
	case "run":
		s.settle()
	case "deaf":
		turn(s.store.deafen, s.store.hear)
	case "fail":
		turn(s.store.away, s.store.back)
	case "lose":
		turn(s.store.loseAnswers, s.store.answers)
	case "away":
		s.store.away()
		s.hall.Away(errAway)
	case "back":
		s.store.back()
		s.hall.Back()
	case "other":
		s.other(f[1], f[2])
	case "wipe":
		s.store.wipe()
	case "resumed":
		s.hall.Resumed()
	case "recall":
		seq, err := strconv.ParseUint(f[2], 10, 64)
		if err != nil {
			s.t.Fatal(err)
		}
		s.store.recall(f[1], seq)
	case "tick":
		n, err := strconv.Atoi(f[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.now = s.now.Add(time.Duration(n) * time.Second)
		s.clock.add(time.Duration(n) * time.Second)
		s.hall.Tick(s.now, 0)
	case "stats":
		s.noteStats()
	default:
		s.t.Fatalf("unknown command %q", f)
	}
}

// other publishes a message as another node does: although this one may not reach the
// store.
func (s *script) other(room, text string) {
	s.t.Helper()
	s.publishFrom(room, "other", text)
}

func (s *script) noteStats() {
	st := s.hall.Stats()
	figures := []string{}
	for name, n := range map[string]uint64{
		"rooms": uint64(st.Rooms), "members": uint64(st.Members), "full": uint64(st.Full), "accepted": st.Accepted,
		"offered": st.Offered, "sent": st.Sent, "skipped": st.Skipped, "left": st.Left, "writes": st.Writes, "gaps": st.Gaps,
		"missed": st.Missed, "epochs": st.Epochs, "refused": st.RefusedBusy + st.RefusedStore,
		"old": st.RefusedOld, "local": st.Local, "local only": st.LocalOnly, "waiting": uint64(st.Waiting), "retries": st.Retries,
	} {
		if n > 0 {
			figures = append(figures, fmt.Sprint(name, " ", n))
		}
	}
	slices.Sort(figures)
	s.note("%s", strings.Join(figures, ", "))
}

// brief is a welcome as "[a b] of 7".
func brief(t *testing.T, welcome string) string {
	t.Helper()
	list, total, ok := strings.Cut(strings.TrimPrefix(welcome, `{"list":[`), `],"total":`)
	if !ok {
		t.Fatalf("%q is no welcome", welcome)
	}
	what := []string{}
	for _, m := range strings.SplitAfter(list, "}") {
		if m = strings.TrimPrefix(m, ","); m != "" {
			what = append(what, short(infos(t, []string{m})[0]))
		}
	}
	return fmt.Sprintf("%v of %s", what, strings.TrimSuffix(total, "}"))
}
