package swarm_test

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
)

// This file is how a crooked server speaks barrage.v1, and deflates: by the standard library,
// which the swarm does not use.

// agree has a handshake agree on the protocol, and on deflating.
func (s *crooked) agree(up *ws.Upgrader) {
	up.Protocol = func(p []byte) bool { return string(p) == "barrage.v1" }
	up.Negotiate = func(offer httphead.Option) (httphead.Option, error) {
		_, ok := offer.Parameters.Get("server_no_context_takeover")
		if string(offer.Name) != "permessage-deflate" || !ok {
			s.tb.Errorf("a client offered the extension %v", offer)
		}
		if !s.deflate {
			return httphead.Option{}, nil
		}
		return offer, nil
	}
}

// batch is messages in one frame.
func (h *hall) batch(numbers []int) string {
	var texts []string
	for _, k := range numbers {
		texts = append(texts, fmt.Sprintf(`{"seq":%d,"kind":"chat","user_id":"u","body":%s,"ts":1648368380132}`, k+1, quote(h.messages[k].body)))
	}
	return fmt.Sprintf(`{"t":"batch","epoch":"e","seq":%d,"messages":[%s]}`, numbers[0]+1, strings.Join(texts, ","))
}

// op takes one op of a viewer.
func (s *crooked) op(e *end, room, text string) {
	var op struct{ T, ID, Body, Kind string }
	if err := json.Unmarshal([]byte(text), &op); err != nil || op.T != "send" || op.ID == "" {
		s.tb.Errorf("a client sent the op %q: %v", text, err)
		return
	}
	told := s.say(e, room, op.Body, op.Kind == "gift")
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := func(code string) {
		if code == "" {
			s.sendLocked(e, fmt.Sprintf(`{"t":"ack","id":%q,"seq":1,"ts":1648368380132}`, op.ID))
			return
		}
		s.sendLocked(e, fmt.Sprintf(`{"t":"refused","id":%q,"code":%q,"message":"no","retry_after_ms":1}`, op.ID, code))
	}
	if !told.silent {
		answer(told.code)
	}
	if told.again != "" {
		answer(strings.TrimPrefix(told.again, "ack"))
	}
}

// textFrame frames a text for e. Where the server deflates, batches and welcomes are
// deflated, but for each eighth text: a real server leaves short ones plain. mu is held.
func (s *crooked) textFrame(e *end, text string) ws.Frame {
	f := ws.NewTextFrame([]byte(text))
	if e.texts++; s.deflate && e.texts%8 != 0 && !strings.HasPrefix(text, `{"t":"ack"`) && !strings.HasPrefix(text, `{"t":"refused"`) {
		f = ws.NewTextFrame(s.deflater.deflate(text))
		f.Header.Rsv = ws.Rsv(true, false, false)
	}
	return f
}

// deflater deflates texts as permessage-deflate has them (RFC 7692 section 7.2.1), each of
// them once. The zero value is ready.
type deflater struct {
	w    *flate.Writer
	done map[string][]byte
}

func (d *deflater) deflate(text string) []byte {
	if p := d.done[text]; p != nil {
		return p
	}
	if d.w == nil {
		d.w, _ = flate.NewWriter(nil, flate.BestSpeed) // the level is one; others are slow under the race detector
		d.done = map[string][]byte{}
	}
	var b bytes.Buffer
	d.w.Reset(&b)
	_, _ = io.WriteString(d.w, text) // into memory
	_ = d.w.Flush()
	d.done[text] = bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff"))
	return d.done[text]
}

// counted is a connection that counts what is written to it.
type counted struct {
	net.Conn
	bytes *atomic.Uint64
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.bytes.Add(uint64(n))
	return n, err
}
