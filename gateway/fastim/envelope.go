package fastim

import (
	"net/http"

	"github.com/bytedance/sonic/encoder"

	"barrage/gateway/edge"
)

// The codes and texts of contract section 4.
const (
	codeOK       = 200
	codeRefused  = 100
	codeNotLogin = 440

	textOK          = "操作成功"
	textFetched     = "获取成功"
	textRefused     = "操作失败"
	textNotLoggedIn = "请登录后访问"
	textLoginFailed = "登录失败"
	textRecalled    = "撤回消息成功"
	textTooOld      = "无法撤回消息"
	textNoMessage   = "消息不存在"
	textNotMember   = "不是群成员"
	// textTooManyRooms is ours: original nodes have no such bound.
	textTooManyRooms = "加入的群已达上限"
)

// envelope is every answer of the FastIM API; data is there even when null.
type envelope struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
	Data any    `json:"data"`
}

// encode is e as it is sent.
func (e envelope) encode() []byte {
	size := 128
	if messages, ok := e.Data.([]string); ok { // a history's MiB would be copied again and again while it grows
		for _, m := range messages {
			size += len(m)*5/4 + 3 // with the backslashes of a text in a text
		}
	}
	body := make([]byte, 0, size)
	if err := encoder.EncodeInto(&body, &e, 0); err != nil {
		panic("BUG: cannot encode an answer: " + err.Error()) // net/http answers for this request alone
	}
	return body
}

// send sends e, whose encoding is body. The HTTP status is 200 whatever the code says, except where the
// request itself was wrong or we are.
func (e envelope) send(w http.ResponseWriter, body []byte) {
	status := http.StatusOK
	if e.Code >= 400 && e.Code != codeNotLogin {
		status = e.Code
	}
	h := w.Header()
	h.Set("Content-Type", "application/json;charset=UTF-8")
	h.Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", edge.RetryAfter())
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone: nobody is left to notify
}
