package admin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"barrage/codec"
	"barrage/gateway/edge"
	"barrage/internal/chat"
)

// exported is a message as exports for a video have it.
type exported struct {
	Seq    uint64 `json:"seq"`
	Kind   string `json:"kind"`
	UserID string `json:"user_id"`
	Body   string `json:"body"` // in one line, without spaces around it
	TS     int64  `json:"ts"`
	User   struct {
		Name string `json:"name"`
	} `json:"user"`
	at time.Duration // since the beginning of the video
}

// name is what the sender is called.
func (m *exported) name() string {
	if m.User.Name != "" {
		return m.User.Name
	}
	return m.UserID
}

// exportForm writes messages as one kind of tool reads them. One is for one export.
type exportForm struct {
	mime       string
	head, tail string
	line       func(dst []byte, m *exported) []byte // nil: as native clients have them
}

// exportForms makes a form by its name in format.
var exportForms = map[string]func() *exportForm{
	"jsonl": func() *exportForm { return &exportForm{mime: "application/x-ndjson"} },
	"bilibili-xml": func() *exportForm {
		return &exportForm{
			mime: "application/xml",
			head: `<?xml version="1.0" encoding="UTF-8"?>` + "\n<i><chatserver>chat.bilibili.com</chatserver><chatid>0</chatid><mission>0</mission><maxlimit>0</maxlimit><state>0</state><real_name>0</real_name><source>k-v</source>\n",
			tail: "</i>\n", line: xmlLine,
		}
	},
	"vtt": func() *exportForm { return &exportForm{mime: "text/vtt", head: "WEBVTT\n\n", line: vttLine} },
	"ass": func() *exportForm {
		lanes := new(assLanes)
		return &exportForm{mime: "text/x-ssa", head: assHead, line: lanes.line}
	},
}

// exportAsked is what a query asks for: the messages behind a number, in a form, of a video that began at t0.
func exportAsked(query url.Values) (after uint64, f *exportForm, t0 int64, bad *edge.Refusal) {
	name := cmp.Or(query.Get("format"), "jsonl")
	form, ok := exportForms[name]
	if !ok {
		return 0, nil, 0, edge.Refuse(http.StatusBadRequest, "format is %.64q, want one of %s", name, strings.Join(slices.Sorted(maps.Keys(exportForms)), ", "))
	}
	if after, bad = edge.Whole(query, "after", 0, 0, math.MaxInt64); bad != nil {
		return 0, nil, 0, bad
	}
	began, bad := edge.Whole(query, "t0", 0, 0, math.MaxInt64)
	return after, form(), int64(began), bad
}

// append writes what a page of a history has. From t0 on, in Unix ms, is the video; 0 is when the first message was
// sent, which is then known. Messages that were taken back, have no text or were sent before are left out, but of jsonl
// nothing is. Tools complain of a comment without a text.
func (f *exportForm) append(dst []byte, entries []chat.Entry, t0 *int64) ([]byte, error) {
	for _, e := range entries {
		switch {
		case f.line == nil && e.JSON == "":
			dst = append(codec.AppendRecalledMessage(dst, e.Seq), '\n')
		case f.line == nil:
			dst = append(codec.AppendNativeMessage(dst, e.Seq, e.JSON), '\n')
		case e.JSON != "":
			var m exported
			if err := json.Unmarshal(codec.AppendNativeMessage(nil, e.Seq, e.JSON), &m); err != nil {
				return nil, fmt.Errorf("cannot read message %d: %w", e.Seq, err)
			}
			if *t0 == 0 {
				*t0 = m.TS
			}
			m.Body = strings.TrimSpace(flatText(m.Body))
			if m.at = time.Duration(m.TS-*t0) * time.Millisecond; m.at >= 0 && m.Body != "" {
				dst = f.line(dst, &m)
			}
		}
	}
	return dst, nil
}

// xmlLine is a comment as Bilibili has it. Its p is seconds, mode (1 flies, 5 stands at the top), size, colour, Unix
// seconds, pool, a hash of the user, the id.
func xmlLine(dst []byte, m *exported) []byte {
	mode, colour := 1, 0xffffff
	switch m.Kind {
	case codec.KindSystem:
		mode, colour = 5, 0xffe9a8
	case "gift":
		colour = 0xffd873
	}
	dst = fmt.Appendf(dst, `<d p="%.3f,%d,25,%d,%d,0,%08x,%d">`, m.at.Seconds(), mode, colour, m.TS/1000, crc32.ChecksumIEEE([]byte(m.UserID)), m.Seq)
	return append(append(dst, markup.Replace(m.Body)...), "</d>\n"...)
}

// markup are what XML and WebVTT take for their own, by names: not all readers of Bilibili's XML know numbers, as of
// "&#34;" (biliass 2.5). The last two XML cannot have.
var markup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\ufffe", "\ufffd", "\uffff", "\ufffd")

// cueTime is how long a comment stands.
const cueTime = 5 * time.Second

// clock is a time as subtitles have it, with this many digits of hours and of parts of a second.
func clock(d time.Duration, hours, digits int) string {
	part := d % time.Second / time.Millisecond
	if digits == 2 {
		part /= 10
	}
	return fmt.Sprintf("%0*d:%02d:%02d.%0*d", hours, int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, digits, part)
}

// flatText is a text without what ends a line or is no letter.
func flatText(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 }), " ")
}

// vttLine is a cue of WebVTT, with its speaker.
func vttLine(dst []byte, m *exported) []byte {
	return fmt.Appendf(dst, "%d\n%s --> %s\n<v %s>%s\n\n", m.Seq, clock(m.at, 2, 3), clock(m.at+cueTime, 2, 3),
		markup.Replace(flatText(m.name())), markup.Replace(m.Body))
}

// The picture that ASS counts in, and how comments cross it.
const (
	assWidth, assHeight = 1920, 1080
	assSize             = 48 // px of a letter
	assCrossing         = 8 * time.Second
	assLetters          = 100 // of a comment, as on Bilibili: a longer one would be too fast to read
)

const assHead = `[Script Info]
ScriptType: v4.00+
PlayResX: 1920
PlayResY: 1080
WrapStyle: 2
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Fly,sans-serif,48,&H00FFFFFF,&H00FFFFFF,&H80000000,&H80000000,0,0,0,0,100,100,0,0,1,2,0,7,0,0,0,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
`

// assEscapes are what ASS takes for its own: there is no escape, so letters that look alike stand for them.
var assEscapes = strings.NewReplacer(`\`, "＼", "{", "｛", "}", "｝")

// assLanes are when each lane of the picture is free again.
type assLanes [assHeight/(assSize+12) - 1]time.Duration

// line is a comment that crosses the picture, in the lane that is free for the longest time.
func (l *assLanes) line(dst []byte, m *exported) []byte {
	text := m.Body
	if letters := []rune(text); len(letters) > assLetters {
		text = string(letters[:assLetters]) + "…"
	}
	width := 0
	for _, r := range text {
		if width += assSize / 2; r >= 0x1100 {
			width += assSize / 2
		}
	}
	lane := slices.Index(l[:], slices.Min(l[:]))
	// then its end is inside
	l[lane] = max(l[lane], m.at) + assCrossing*time.Duration(width+assSize)/time.Duration(assWidth+width)
	y := lane * (assSize + 12)
	name := strings.ReplaceAll(assEscapes.Replace(flatText(m.name())), ",", "，")
	return fmt.Appendf(dst, "Dialogue: 0,%s,%s,Fly,%s,0,0,0,,{\\move(%d,%d,%s,%d)}%s\n", clock(m.at, 1, 2), clock(m.at+assCrossing, 1, 2), name,
		assWidth, y, strconv.Itoa(-width), y, assEscapes.Replace(text))
}
