package gateway

import (
	"context"
	"net/http"

	"barrage/gateway/edge"
	"barrage/gateway/filter"
	v1 "barrage/gateway/v1"
)

// This file is the word filter as operators see it: what it is made of, and why it finds something in a text.

// listInfo is a list of terms as the admin API shows it.
type listInfo struct {
	Name    string `json:"name"`
	Terms   int    `json:"terms"`
	Allowed int    `json:"allowed"`
	Regexps int    `json:"regexps"`
	Bytes   int    `json:"bytes"`
	ReadAt  int64  `json:"read_at"` // Unix ms
}

// filterLists serves GET /v1/admin/filter.
func (s *Server) filterLists(_ context.Context, w http.ResponseWriter, _ *http.Request) *edge.Refusal {
	made, lists := s.edge.Words.Lists()
	sizes, size := made.Lists(), made.Size()
	all := make([]listInfo, len(lists))
	for i, l := range lists {
		n := sizes[i]
		all[i] = listInfo{l.Name, n.Terms, n.Allowed, n.Regexps, len(l.Text), l.Read.UnixMilli()}
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

// filterTest serves POST /v1/admin/filter/test: what becomes of a text, and why.
func (s *Server) filterTest(_ context.Context, w http.ResponseWriter, r *http.Request) *edge.Refusal {
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
	made, _ := s.edge.Words.Lists()
	verdict := made.Check(*in.Text)
	hits := []hitInfo{}
	all := made.Explain(*in.Text)
	for _, h := range all[:min(len(all), mostHits)] {
		hits = append(hits, hitInfo{h.List, h.Line, h.Term, h.Action.String(), orEmpty(h.Tags), h.Start, h.End, h.Haystack.String(), h.Allowed})
	}
	text := *in.Text
	if verdict.Action == filter.Mask {
		text = verdict.Text
	}
	v1.WriteJSON(w, http.StatusOK, struct {
		Action string    `json:"action"`
		Text   string    `json:"text"`
		Tags   []string  `json:"tags"`
		Hits   []hitInfo `json:"hits"`
	}{verdict.Action.String(), text, orEmpty(verdict.Tags), hits})
	return nil
}

// orEmpty is a list that JSON writes as [] where it is empty.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
