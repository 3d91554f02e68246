package hostile

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// fragment is a frame of a client that ends no message.
func fragment(op byte, payload string) string {
	frame := masked(op, payload)
	return string([]byte{frame[0] &^ 0x80}) + frame[1:]
}

// TestFragments_OfAByteAreCutUnnoticed: messages in fragments of one byte.
func TestFragments_OfAByteAreCutUnnoticed(t *testing.T) {
	n := startNode(t)
	during(t, n, flood(n, 8, func(i int) string { return fmt.Sprint("/v1/rooms/legit/ws?token=t&user_id=enemy", i) },
		"Sec-WebSocket-Protocol: barrage.v1\r\n", fragment(1, "x")+strings.Repeat(fragment(0, "x"), 5000)+masked(0, "x")), n.wasCut)
}

// TestLists_FloodsAreCutUnnoticed: messages of a byte on sockets that nobody listens to.
func TestLists_FloodsAreCutUnnoticed(t *testing.T) {
	n := startNode(t)
	during(t, n, flood(n, 8, func(i int) string { return fmt.Sprint("/group/list/enemy", i, "/any") }, "", strings.Repeat(masked(1, "x"), 2000)), n.wasCut)
}

// deflated is text as a client's compressed frame.
func deflated(t *testing.T, text string) string {
	t.Helper()
	f, err := wsflate.CompressFrame(ws.NewTextFrame([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return string(ws.MustCompileFrame(ws.MaskFrameInPlace(f)))
}

// TestInflated_PingsAreCutUnnoticed: pings that take next to nothing to send, and long to read. Each guest is another
// user, so none stays out.
func TestInflated_PingsAreCutUnnoticed(t *testing.T) {
	n := startNode(t)
	ping := deflated(t, `{"t":"ping"`+strings.Repeat(`,"x":1`, 3900)+`}`)
	during(t, n, flood(n, 40, func(int) string { return "/v1/rooms/legit/ws" },
		"Sec-WebSocket-Protocol: barrage.v1\r\nSec-WebSocket-Extensions: permessage-deflate\r\n", strings.Repeat(ping, 200)), n.wasCut)
}

// TestRequests_FloodsTakeBoundedMemory: requests that no call limits, one behind the other without a pause.
func TestRequests_FloodsTakeBoundedMemory(t *testing.T) {
	for _, c := range []struct{ what, line string }{{"pages", "GET /"}, {"nothing", "GET /nothing"}, {"options", "OPTIONS *"}} {
		t.Run(c.what, func(t *testing.T) {
			n := startNode(t)
			requests := strings.Repeat(c.line+" HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: "+enemy+"\r\n\r\n", 300)
			grown := during(t, n, func(ctx context.Context) {
				var all sync.WaitGroup
				for range 8 {
					all.Go(func() {
						for ctx.Err() == nil {
							c, err := n.raw(ctx)
							if err != nil {
								return
							}
							stop := context.AfterFunc(ctx, func() { _ = c.Close() })
							go func() { // ends with c
								if statusOf(ctx, c) != "" {
									n.entered.Add(1)
								}
								_, _ = io.Copy(io.Discard, c)
							}()
							for err == nil {
								_, err = io.WriteString(c, requests)
							}
							stop()
							_ = c.Close()
							select {
							case <-ctx.Done():
							case <-time.After(knock):
							}
						}
					})
				}
				all.Wait()
			}, n.wasEntered)
			wantGrown(t, grown, 32<<20)
		})
	}
}
