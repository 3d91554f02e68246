package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// viewer is somebody who watches a room over the proxy, as web/client does: they come back, and report where they got
// to.
type viewer struct {
	id    int
	addr  string
	local net.IP

	mu    sync.Mutex // guards the fields below
	epoch string
	seq   uint64
	ts    int64
	ahead uint64         // up to which number a node that stalls may deliver messages again
	times map[string]int // by the message's body: how often it came
	last  time.Time      // when a message came
	dark  time.Duration  // the longest time without one
	comes int            // how often they have come in
	story []string       // what became of them, for a check that finds that they lack something
}

// frame is what a viewer looks at of what comes.
type frame struct {
	T        string
	Epoch    string
	Seq      uint64
	TS       int64
	From, To uint64
	AfterMS  int64 `json:"after_ms"`

	Recovered bool
	Messages  []struct {
		Seq  uint64
		TS   int64
		Body string
	}
}

// watch watches until ctx ends.
func (v *viewer) watch(ctx context.Context) {
	for ctx.Err() == nil {
		wait := v.sit(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(wait + 1)):
		}
	}
}

// sit is one connection, and within which time to come back after it.
func (v *viewer) sit(ctx context.Context) (wait time.Duration) {
	v.mu.Lock()
	url := fmt.Sprintf("ws://%s/v1/rooms/r/ws?user_id=v%d&token=x", v.addr, v.id)
	if v.epoch != "" {
		url += fmt.Sprintf("&epoch=%s&since=%d&ts=%d", v.epoch, v.seq, v.ts)
	}
	v.mu.Unlock()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: v.local}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}
	dialing, cancel := context.WithTimeout(ctx, patience)
	ws, _, err := websocket.Dial(dialing, url, &websocket.DialOptions{Subprotocols: []string{"barrage.v1"}, HTTPClient: client}) //nolint:bodyclose // coder/websocket closes it
	cancel()
	if err != nil {
		return time.Second
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(1 << 20)
	reading, leave := context.WithCancel(ctx)
	defer leave()
	for {
		_, text, err := ws.Read(reading)
		if err != nil {
			if reading.Err() != nil {
				return 0
			}
			return time.Second
		}
		var f frame
		if json.Unmarshal(text, &f) != nil {
			return time.Second
		}
		if f.T == "reconnect" { // the node leaves: another one is asked in time
			time.AfterFunc(rand.N(time.Duration(f.AfterMS)*time.Millisecond+1), leave)
			continue
		}
		after := v.seq // this goroutine alone writes it
		v.take(&f, time.Now())
		if f.T == "welcome" && !f.Recovered && len(f.Messages) > 0 && after > 0 && f.Messages[0].Seq > after+1 {
			v.fetch(reading, client, after, f.Messages[0].Seq)
		}
	}
}

// fetch reads from the history what a node could not give at once: so many came back that it reads for some only.
func (v *viewer) fetch(ctx context.Context, client *http.Client, after, before uint64) {
	url := fmt.Sprintf("http://%s/v1/rooms/r/messages?user_id=v%d&token=x&after=%d&before=%d&limit=1000", v.addr, v.id, after, before)
	for ctx.Err() == nil {
		var page frame
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return
		}
		resp, err := client.Do(req)
		if err == nil {
			err = json.NewDecoder(resp.Body).Decode(&page)
			_ = resp.Body.Close()
		}
		if err == nil && resp.StatusCode == http.StatusOK {
			page.T = "page"
			v.take(&page, time.Now())
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(2 * time.Second)):
		}
	}
}

// take notes what came.
func (v *viewer) take(f *frame, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch f.T {
	case "welcome":
		v.comes++
		v.story = append(v.story, fmt.Sprintf("came in at %d of %s, recovered: %v, with %d messages; stood at %d of %s", f.Seq, f.Epoch, f.Recovered, len(f.Messages), v.seq, v.epoch))
		if v.ahead = 0; f.Epoch == v.epoch && f.Seq < v.seq {
			v.ahead = v.seq
		}
		v.epoch = f.Epoch
		if len(f.Messages) == 0 {
			v.seq = f.Seq
		}
	case "batch":
		v.epoch = f.Epoch
	case "page":
		v.story = append(v.story, fmt.Sprintf("read %d messages", len(f.Messages)))
	case "epoch":
		v.epoch, v.seq, v.ts = f.Epoch, f.Seq, f.TS
		v.story = append(v.story, fmt.Sprintf("stands at %d of %s from now on", f.Seq, f.Epoch))
	case "gap":
		v.story = append(v.story, fmt.Sprintf("lacks %d to %d", f.From, f.To))
	default:
		return
	}
	for _, m := range f.Messages {
		if m.Seq > v.seq {
			v.seq, v.ts = m.Seq, m.TS
		}
		seenMaybe := f.T == "welcome" && !f.Recovered || m.Seq <= v.ahead // the newest, and those that the node lacked
		if seenMaybe && v.times[m.Body] > 0 {
			continue
		}
		if v.times[m.Body]++; v.times[m.Body] > 1 {
			v.story = append(v.story, fmt.Sprintf("had %s at %d again, in a %s of %d messages up to %d of %s", m.Body, m.Seq, f.T, len(f.Messages), f.Seq, f.Epoch))
			continue
		}
		if !v.last.IsZero() {
			v.dark = max(v.dark, now.Sub(v.last))
		}
		v.last = now
	}
}
