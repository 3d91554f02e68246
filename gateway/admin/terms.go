package admin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"

	"barrage/gateway/desk"
	"barrage/gateway/edge"
	"barrage/gateway/filter"
	v1 "barrage/gateway/v1"
	"barrage/internal/chat"
)

// This file is the word filter as operators see it: its lists, and why it finds something in a text.

// termCalls are the calls about the word filter.
type termCalls struct{ *Base }

// listInfo is a list of terms as the admin API shows it.
type listInfo struct {
	Name    string `json:"name"`
	From    string `json:"from"` // file or store
	Terms   int    `json:"terms"`
	Allowed int    `json:"allowed"`
	Regexps int    `json:"regexps"`
	Bytes   int    `json:"bytes"`
	ReadAt  int64  `json:"read_at"` // Unix ms
}

// lists serves GET /v1/admin/filter.
func (c termCalls) lists(_ context.Context, w http.ResponseWriter, _ *http.Request) *edge.Refusal {
	made, lists := c.Edge.Words.Lists()
	sizes, size := made.Lists(), made.Size()
	all := make([]listInfo, len(lists))
	for i, l := range lists {
		n, from := sizes[i], "file"
		if l.Stored {
			from = "store"
		}
		all[i] = listInfo{l.Name, from, n.Terms, n.Allowed, n.Regexps, len(l.Text), l.Read.UnixMilli()}
	}
	v1.WriteJSON(w, http.StatusOK, struct {
		Lists   []listInfo `json:"lists"`
		Terms   int        `json:"terms"`
		Allowed int        `json:"allowed"`
		Regexps int        `json:"regexps"`
		Bytes   int        `json:"bytes"` // of memory
	}{all, size.Terms, size.Allowed, size.Regexps, size.Bytes})
	return nil
}

// hitInfo is a place of a text at which a term is.
type hitInfo struct {
	List     string   `json:"list"`
	Line     int      `json:"line"`
	Term     string   `json:"term"`
	Action   string   `json:"action"`
	Tags     []string `json:"tags"`
	Start    int      `json:"start"` // in bytes of the text, as End
	End      int      `json:"end"`
	Haystack string   `json:"haystack"`
	Allowed  string   `json:"allowed"`
}

// mostHits bounds the hits of one answer: some 200 KB.
const mostHits = 1000

// test serves POST /v1/admin/filter/test: the filter's verdict on a text, and why.
func (c termCalls) test(_ context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
	r.Body = http.MaxBytesReader(w, r.Body, edge.MaxFormBytes)
	var in struct {
		Text *string `json:"text"`
	}
	if bad := v1.ReadJSON(r, &in); bad != nil {
		return bad
	}
	if in.Text == nil {
		return edge.Refuse(http.StatusBadRequest, "there is no text")
	}
	made, _ := c.Edge.Words.Lists()
	result := made.Check(*in.Text)
	hits := []hitInfo{}
	all := made.Explain(*in.Text)
	for _, h := range all[:min(len(all), mostHits)] {
		hits = append(hits, hitInfo{h.List, h.Line, h.Term, h.Action.String(), orEmpty(h.Tags), h.Start, h.End, h.Haystack.String(), h.Allowed})
	}
	text := *in.Text
	if result.Action == filter.Mask {
		text = result.Text
	}
	v1.WriteJSON(w, http.StatusOK, struct {
		Action string    `json:"action"`
		Text   string    `json:"text"`
		Tags   []string  `json:"tags"`
		Hits   []hitInfo `json:"hits"`
	}{result.Action.String(), text, orEmpty(result.Tags), hits})
	return nil
}

// listCall is a call about a list of the store.
type listCall func(ctx context.Context, w http.ResponseWriter, r *http.Request, name string) *edge.Refusal

// ofList is a call about the list of the address. It is about all rooms: a key that is for some of them may not.
func ofList(do listCall) call {
	return everywhere(func(ctx context.Context, w http.ResponseWriter, r *http.Request, _ string) *edge.Refusal {
		name := r.PathValue("name")
		if bad := edge.CheckTermsName(name); bad != nil {
			return bad
		}
		return do(ctx, w, r, name)
	})
}

// put serves PUT /v1/admin/filter/lists/{name}: the body is the list. It is written where a filter can be made of
// it, and every node goes by it within a second.
func (c termCalls) put(ctx context.Context, w http.ResponseWriter, r *http.Request, name string) *edge.Refusal {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, chat.MaxTermListBytes))
	if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
		return edge.Refuse(http.StatusRequestEntityTooLarge, "the list has more than %d bytes", tooBig.Limit)
	}
	if err != nil {
		return edge.Refuse(http.StatusBadRequest, "cannot read the body: %v", err)
	}
	if len(body) == 0 {
		return edge.Refuse(http.StatusBadRequest, "the list is empty: DELETE takes it away")
	}
	text := string(body)
	if err := c.Edge.Words.Try(name, text); err != nil {
		return edge.Refuse(http.StatusBadRequest, "%v", err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(body))
	if err = c.Store.WriteTerms(ctx, name, text); err == nil { // before the rules name the list
		err = c.nameList(ctx, name, sum)
	}
	if err != nil {
		return c.cannot("write", name, err)
	}
	v1.WriteJSON(w, http.StatusOK, struct {
		Name  string `json:"name"`
		Bytes int    `json:"bytes"`
		Sum   string `json:"sha256"`
	}{name, len(body), sum})
	return nil
}

// get serves GET /v1/admin/filter/lists/{name}.
func (c termCalls) get(ctx context.Context, w http.ResponseWriter, _ *http.Request, name string) *edge.Refusal {
	text, err := c.Store.ReadTerms(ctx, name)
	switch {
	case err != nil:
		return c.cannot("read", name, err)
	case text == "":
		return noTerms(name)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, text) // the client has gone: nobody is left to notify
	return nil
}

// delete serves DELETE /v1/admin/filter/lists/{name}.
func (c termCalls) delete(ctx context.Context, w http.ResponseWriter, _ *http.Request, name string) *edge.Refusal {
	rules, err := c.Store.Rules(ctx, chat.Everywhere)
	if err == nil && rules.Terms[name] == "" {
		return noTerms(name)
	}
	if err == nil {
		err = c.nameList(ctx, name, "") // before its text goes
	}
	if err == nil {
		err = c.Store.WriteTerms(ctx, name, "")
	}
	if err != nil {
		return c.cannot("take away", name, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// nameList has the rules that hold everywhere name a list, or no longer where sum is empty, notifies this node, and
// writes the log.
func (c termCalls) nameList(ctx context.Context, name, sum string) error {
	ev, err := c.Store.ChangeRules(ctx, chat.Everywhere, chat.RulesChange{Terms: map[string]string{name: sum}})
	if err != nil {
		return err
	}
	c.Edge.Hall.RulesChanged(chat.Everywhere, ev)
	e := desk.LogEntry{Verb: "put_terms", Target: name, Sum: sum, V: ev.Rules.Version}
	if sum == "" {
		e.Verb = "delete_terms"
	}
	c.API.Desk.Note(ctx, operator(ctx), chat.Everywhere, e)
	return nil
}

// noTerms refuses what is about a list that is not there.
func noTerms(name string) *edge.Refusal {
	return edge.Refuse(http.StatusNotFound, "there is no list %q in the store", name)
}

// cannot is the refusal of what the store did not do.
func (c termCalls) cannot(do, name string, err error) *edge.Refusal {
	if errors.Is(err, chat.ErrBeside) {
		return edge.Refuse(http.StatusNotImplemented, "beside original FastIM nodes there are no lists in the store: use filter.files")
	}
	return edge.Cannot(c.Log, do+" the list of terms", err, "list", name)
}

// orEmpty is a list that JSON writes as [] where it is empty.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
