package gateway

import (
	"fmt"
	"net/http"
	"testing"
)

// readPage is what GET /v1/admin/rooms/{room}/messages answers.
type readPage struct {
	Epoch    string
	Seq      uint64
	Messages []struct {
		Seq      uint64
		UserID   string `json:"user_id"`
		Body     string
		Recalled bool
	}
}

// A moderator reads a room without being in it: pages by number, and what one user sent of late. Searches are few at a
// time.
func TestAdmin_MessagesAreReadByPageOrUser(t *testing.T) {
	s := newAdmin(t, func(c *setup) { c.history = 5000 })
	const n, path = 2500, "/v1/admin/rooms/r/messages"
	for from := 0; from < n; from += 100 {
		body := ""
		for i := from; i < from+100; i++ {
			body += fmt.Sprintf(`,{"id":"m%d","body":"%d","user_id":"u%d"}`, i, i, i%500)
		}
		getAdmin[struct{}](t, s, http.MethodPost, path, `{"messages":[`+body[1:]+`]}`)
	}
	moderate(t, s, `{"verb":"delete","seq":2499}`)
	page := getAdmin[readPage](t, s, http.MethodGet, path+"?limit=3", "")
	if len(page.Messages) != 3 || page.Seq != n || page.Epoch == "" || page.Messages[2].Seq != n || page.Messages[2].Body != fmt.Sprint(n-1) || !page.Messages[1].Recalled {
		t.Errorf("the newest = %+v; want 2498 to %d, and one taken back", page, n)
	}
	page = getAdmin[readPage](t, s, http.MethodGet, path+"?after=10&limit=2", "")
	if len(page.Messages) != 2 || page.Messages[0].Seq != 11 {
		t.Errorf("behind 10 = %+v; want 11 and 12", page)
	}
	page = getAdmin[readPage](t, s, http.MethodGet, path+"?user=u7", "")
	if len(page.Messages) != 5 || page.Messages[0].Seq != 8 || page.Messages[4].Seq != 2008 || page.Seq != n {
		t.Errorf("of u7 = %+v; want 8 to 2008", page)
	}
	page = getAdmin[readPage](t, s, http.MethodGet, path+"?user=u7&limit=2", "")
	if len(page.Messages) != 2 || page.Messages[0].Seq != 1508 || page.Messages[1].UserID != "u7" {
		t.Errorf("the two newest of u7 = %+v; want 1508 and 2008", page)
	}
	if page = getAdmin[readPage](t, s, http.MethodGet, path+"?user=u498", ""); len(page.Messages) != 4 {
		t.Errorf("of u498 = %+v; want four, without what was deleted", page)
	}
	if page = getAdmin[readPage](t, s, http.MethodGet, "/v1/admin/rooms/nothing/messages?user=u7", ""); page.Messages == nil || len(page.Messages) != 0 {
		t.Errorf("of u7 in an empty room = %+v; want none", page)
	}
	s.admin.PeekBusy()
	if status, text := callAdmin(t, s, http.MethodGet, path+"?user=u7", ""); status != http.StatusServiceUnavailable {
		t.Errorf("one search too many = %d %q; want 503", status, text)
	}
}
