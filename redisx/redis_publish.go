package redisx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"barrage/internal/chat"
)

// setWitness is the field that every set of last ts or of ids has: a script sees by it that the
// set is there. It is no user's and no node's.
const setWitness = "\xfe"

// Publish appends the drafts to the history and notifies every node, in one script, and waits for Config.MinReplicas.
func (r *Redis) Publish(ctx context.Context, room string, b chat.Batch) (chat.Stored, error) {
	node, number, err := checkBatch(room, &b)
	if err != nil {
		return chat.Stored{}, err
	}
	keys := []string{r.keys.history(room), r.keys.meta(room), r.keys.lastTSPrefix(room), r.keys.sentPrefix(room)}
	var args []string
	if r.keys.fastIM {
		args = r.publishArgsFastIM(room, node, number, &b)
	} else {
		keys = append(keys, r.keys.recalls(room), r.keys.marks(room))
		args = r.publishArgs(room, node, number, &b)
	}
	scripts := r.scripts()
	script := scripts.publish
	if scripts.approve != nil && slices.ContainsFunc(b.Drafts, func(d chat.Draft) bool { return d.Held() != "" }) {
		script, keys = scripts.approve, append(keys, r.keys.held(room))
	}
	msg, kept, err := r.runKept(ctx, script, room, keys, args...)
	var text string
	if err == nil {
		text, err = msg.ToString()
	}
	var stored chat.Stored
	if err == nil {
		stored, err = parseStored(text, node, number, &b)
		stored.Doubtful = !kept
	}
	if err != nil {
		return chat.Stored{}, fmt.Errorf("cannot publish %d messages to room %q (keys %q): %w", len(b.Drafts), room, keys, err)
	}
	return stored, nil
}

// publishArgs are the arguments of publish.lua.
func (r *Redis) publishArgs(room, node string, number uint64, b *chat.Batch) []string {
	known := toStore(b.Known)
	args := make([]string, 0, 15+4*len(b.Drafts))
	args = append(args,
		r.keys.roomChannel(room), randomName(), known.Epoch, strconv.FormatUint(known.Rev, 10), known.Tip,
		strconv.FormatUint(number, 10), strconv.Itoa(b.Try), strconv.Itoa(len(b.Drafts)),
		b.Rules, strconv.Itoa(marks(b.Drafts)), classes(b.Drafts), dropped(b.Dropped), setWitness, nodeField(node),
	)
	args = r.appendDrafts(args, b.Drafts)
	if fields, ids := sentFields(b.Drafts); ids {
		args = append(append(args, setWitness), fields...)
	}
	return appendMarks(args, b.Drafts)
}

// appendMarks appends for each mark of drafts the index of its draft from 1, its name and its life in ms.
func appendMarks(args []string, drafts []chat.Draft) []string {
	for i := range drafts {
		for _, m := range drafts[i].Marks() {
			args = append(args, strconv.Itoa(i+1), markName(m), strconv.FormatInt(m.Life.Milliseconds(), 10))
		}
		if held := drafts[i].Held(); held != "" {
			args = append(args, strconv.Itoa(i+1), string(chat.MarkHeld)+held, "0")
		}
	}
	return args
}

// dropped is how many messages a node has left out.
func dropped(n [2]uint64) string {
	if n == [2]uint64{} {
		return "0 0"
	}
	return strconv.FormatUint(n[chat.ClassNormal], 10) + " " + strconv.FormatUint(n[chat.ClassLow], 10)
}

// allNormal are the letters of a batch of normal drafts, as nearly all are.
var allNormal = strings.Repeat(string(chat.ClassNormal.Letter()), MaxBatch)

// classes are the letters of the drafts' classes.
func classes(drafts []chat.Draft) string {
	if !slices.ContainsFunc(drafts, func(d chat.Draft) bool { return d.Class != chat.ClassNormal }) {
		return allNormal[:len(drafts)]
	}
	letters := make([]byte, len(drafts))
	for i := range drafts {
		letters[i] = drafts[i].Class.Letter()
	}
	return string(letters)
}

// marks is how many marks drafts have; one that was held has one more.
func marks(drafts []chat.Draft) (n int) {
	for i := range drafts {
		n += len(drafts[i].Marks())
		if drafts[i].Held() != "" {
			n++
		}
	}
	return n
}

// markName is how a mark stands in the store; its first byte is its kind.
func markName(m chat.Mark) string { return string(m.Kind) + strings.ToValidUTF8(m.Name, "\ufffd") }

// publishArgsFastIM are the arguments of publish_interop.lua.
func (r *Redis) publishArgsFastIM(room, node string, number uint64, b *chat.Batch) []string {
	args := make([]string, 0, 4+4*len(b.Drafts))
	args = append(args, r.keys.roomChannel(room), strconv.FormatUint(number, 10), strconv.Itoa(len(b.Drafts)), nodeField(node))
	args = r.appendDrafts(args, b.Drafts)
	fields, _ := sentFields(b.Drafts)
	return append(args, fields...)
}

// nodeField is the field of a node among the last ts. It is no user's: those are valid UTF-8.
func nodeField(node string) string { return "\xff" + node }

// seconds is d as the scripts want it.
func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// appendDrafts appends all users, then all ts, then all heads.
func (r *Redis) appendDrafts(args []string, drafts []chat.Draft) []string {
	for i := range drafts {
		args = append(args, strings.ToValidUTF8(drafts[i].UserID, "\ufffd"))
	}
	for i := range drafts {
		args = append(args, strconv.FormatInt(drafts[i].TS, 10))
	}
	for i := range drafts {
		args = append(args, r.head(&drafts[i]))
	}
	return args
}

// stale is what publish.lua answers where the room has other rules than the node.
const stale = "stale"

// parseStored reads what publish.lua answered to a batch.
func parseStored(answer, node string, number uint64, b *chat.Batch) (chat.Stored, error) {
	if answer == stale {
		return chat.Stored{}, chat.ErrStale
	}
	f := strings.Split(answer, " ")
	of, try, _ := strings.Cut(f[0], ".") // beside original nodes there is no try
	last, err := strconv.ParseUint(of, 10, 64)
	if err != nil || len(f) < 7 {
		return chat.Stored{}, errors.Join(errBadAnswer, err)
	}
	if last != number {
		return chat.Stored{}, overtaken(node, number, last)
	}
	ev := chat.Event{Kind: chat.EventMessages, Epoch: f[1]}
	var err1, err2, err3 error
	ev.Seq, err1 = strconv.ParseUint(f[2], 10, 64)
	ev.Total, err2 = strconv.ParseUint(f[3], 10, 64)
	ev.Rev, err3 = strconv.ParseUint(f[4], 10, 64)
	leftOut, err4 := parseLeftOut(f[7:])
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return chat.Stored{}, errors.Join(errBadAnswer, err)
	}
	if tip := f[5]; tip != "-" {
		ev.Prev = tip
	}
	switch {
	case ev.Seq == 0: // Nothing was stored.
		ev.Prev, ev.Tip = "", ev.Prev
	case ev.Rev > 0:
		ev.Tip = b.ID + "." + try
	}
	if ev.Seq > 0 {
		ev.Messages, err = storedMessages(b.Drafts, leftOut.indexes, f[6])
	}
	if err != nil {
		return chat.Stored{}, errors.Join(errBadAnswer, err)
	}
	return chat.Stored{Event: ev, Repeats: leftOut.repeats, Refused: leftOut.refused}, nil
}

// storedMessages are the drafts but those at the indexes that were left out, in order. Each has the ts that moved says,
// as in "0:17,3:18", or its own.
func storedMessages(drafts []chat.Draft, leftOut []int, moved string) ([]string, error) {
	if moved == "-" {
		moved = ""
	}
	size := 0
	for i := range drafts {
		size += drafts[i].Size()
	}
	all := make([]byte, 0, size) // one copy for all messages: they live and die together in a room's history
	ends := make([]int, 0, max(0, len(drafts)-len(leftOut)))
	for i := range drafts {
		if len(leftOut) > 0 && leftOut[0] == i {
			leftOut = leftOut[1:]
			continue
		}
		d := &drafts[i]
		ts := d.TS
		if text, ok := strings.CutPrefix(moved, strconv.Itoa(i)+":"); ok {
			text, moved, _ = strings.Cut(text, ",")
			var err error
			if ts, err = strconv.ParseInt(text, 10, 64); err != nil {
				return nil, err
			}
		}
		all = d.AppendJSON(all, ts)
		ends = append(ends, len(all))
	}
	if moved != "" || len(leftOut) > 0 {
		return nil, errors.New("it is about other drafts")
	}
	text, from, msgs := string(all), 0, make([]string, len(ends))
	for i, end := range ends {
		msgs[i], from = text[from:end], end
	}
	return msgs, nil
}

// leftOut are the drafts that were not stored; indexes are those of all.
type leftOut struct {
	repeats []chat.Repeat
	refused []chat.RefusedDraft
	indexes []int
}

// parseLeftOut reads what publish's answer says of drafts that were not stored, three fields each.
func parseLeftOut(fields []string) (l leftOut, err error) {
	if len(fields)%3 != 0 {
		return leftOut{}, errBadAnswer
	}
	for f := fields; len(f) > 0; f = f[3:] {
		index, err1 := strconv.Atoi(f[0])
		ts, err2 := strconv.ParseInt(f[2], 10, 64) // or how long to wait
		var err3 error
		if mark, refused := strings.CutPrefix(f[1], "!"); refused {
			no := chat.RefusedDraft{Index: index, Wait: time.Duration(ts) * time.Millisecond}
			if mark != "" {
				no.Mark = chat.MarkKind(mark[0])
			}
			l.refused = append(l.refused, no)
		} else {
			var seq uint64
			seq, err3 = strconv.ParseUint(f[1], 10, 64)
			l.repeats = append(l.repeats, chat.Repeat{Index: index, Seq: seq, TS: ts})
		}
		if err := errors.Join(err1, err2, err3); err != nil {
			return leftOut{}, err
		}
		l.indexes = append(l.indexes, index)
	}
	return l, nil
}
