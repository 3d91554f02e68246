package redisx

import (
	"context"
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"strings"

	"github.com/redis/rueidis"
)

// Scripts run as one step: nothing else happens in Redis meanwhile. Each is a file in lua,
// which says what it reads, writes and returns; those that begin with lib are joined in
// front of others.
//
//go:embed lua/*.lua
var luaFiles embed.FS

// lua joins files. Locals of a file are visible in those behind it.
func lua(names ...string) string {
	var text strings.Builder
	for _, name := range names {
		file, err := luaFiles.ReadFile("lua/" + name + ".lua")
		if err != nil {
			panic("BUG: no such script: " + err.Error())
		}
		text.Write(file)
	}
	return text.String()
}

var (
	checkTokenScript = newBatchScript(lua("check_token"))
	joinScript       = newBatchScript(lua("join"))
)

// roomScripts are the scripts about rooms, for one form that rooms can have in Redis.
type roomScripts struct {
	publish, read, since, before, page, rangeOf, recall *rueidis.Lua
	recallSeq                                           *rueidis.Lua // nil beside original FastIM nodes
	report                                              batchScript
}

// ownScripts are for rooms that Barrage counts, see doc.go.
var ownScripts = roomScripts{
	publish:   rueidis.NewLuaScript(lua("lib_room", "publish")),
	read:      rueidis.NewLuaScript(lua("lib_room", "read")),
	since:     rueidis.NewLuaScript(lua("lib_room", "lib_collect", "since")),
	before:    rueidis.NewLuaScript(lua("lib_room", "lib_collect", "lib_find", "before")),
	page:      rueidis.NewLuaScript(lua("lib_room", "page")),
	rangeOf:   rueidis.NewLuaScript(lua("lib_room", "range")),
	recall:    rueidis.NewLuaScript(lua("lib_room", "lib_find", "lib_recall", "recall")),
	recallSeq: rueidis.NewLuaScript(lua("lib_room", "lib_recall", "recall_seq")),
	report:    newBatchScript(lua("lib_room", "report")),
}

// fastIMScripts are for rooms in the form of original FastIM nodes, see interop.go.
var fastIMScripts = roomScripts{
	publish: rueidis.NewLuaScript(lua("lib_forget", "publish_interop")),
	read:    rueidis.NewLuaScript(lua("lib_room_interop", "lib_collect", "read_interop")),
	since:   rueidis.NewLuaScript(lua("lib_room_interop", "lib_collect", "since")),
	before:  rueidis.NewLuaScript(lua("lib_room_interop", "lib_collect", "lib_find", "before")),
	page:    rueidis.NewLuaScript(lua("lib_room_interop", "page")),
	rangeOf: rueidis.NewLuaScript(lua("lib_room_interop", "range")),
	recall:  rueidis.NewLuaScript(lua("lib_forget", "lib_find", "recall_interop")),
	report:  newBatchScript(lua("lib_room_interop", "report")),
}

// batchScript is a script that is run for many keys at a time.
type batchScript struct{ text, sha string }

func newBatchScript(text string) batchScript {
	sum := sha1.Sum([]byte(text)) // The name Redis knows a script by; no secret.
	return batchScript{text, hex.EncodeToString(sum[:])}
}

// exec runs the script once for each of execs, in one round trip; in two where Redis does
// not know it yet. rueidis' ExecMulti would first load it on all of a cluster's nodes each
// time, and fail where one of them is down.
func (b batchScript) exec(ctx context.Context, c rueidis.Client, execs []rueidis.LuaExec) []rueidis.RedisResult {
	cmds := make(rueidis.Commands, len(execs))
	for i, e := range execs {
		cmds[i] = c.B().Evalsha().Sha1(b.sha).Numkeys(int64(len(e.Keys))).Key(e.Keys...).Arg(e.Args...).Build()
	}
	results := c.DoMulti(ctx, cmds...)
	var unknown []int
	cmds = cmds[:0]
	for i, res := range results {
		if err, ok := rueidis.IsRedisErr(res.Error()); ok && err.IsNoScript() {
			e := execs[i]
			cmds = append(cmds, c.B().Eval().Script(b.text).Numkeys(int64(len(e.Keys))).Key(e.Keys...).Arg(e.Args...).Build())
			unknown = append(unknown, i)
		}
	}
	if len(unknown) > 0 {
		for i, res := range c.DoMulti(ctx, cmds...) {
			results[unknown[i]] = res
		}
	}
	return results
}
