package redisx

import (
	"context"
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/redis/rueidis"

	"barrage/internal/chat"
)

// Scripts run as one step: nothing else happens in Redis meanwhile. Each is a file in lua,
// which says what it reads, writes and returns; those that begin with lib are joined in
// front of others.
//
//go:embed lua/*.lua
var luaFiles embed.FS

// lua joins files behind settings. Locals of a file are visible in those behind it.
func lua(settings string, names ...string) string {
	var text strings.Builder
	text.WriteString(settings)
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
	setTokenScript   = newScript("", "lib_tokens", "set_token")
	checkTokenScript = newScript("", "lib_tokens", "check_token")
	joinScript       = newScript("", "lib_rooms", "join")
	useRoomsScript   = newScript("", "lib_rooms", "use_rooms")
	beatScript       = newScript("", "beat")
	leaseScript      = newScript("", "lease")
)

// scriptName is that of the script's own file, which comes last; beside original FastIM nodes it is the same.
func scriptName(names []string) string { return strings.TrimSuffix(names[len(names)-1], "_interop") }

// script is one that Redis knows by its sha, once it was given the text; name is what OnCall knows it by.
type script struct{ name, text, sha string }

func newScript(settings string, names ...string) *script {
	text := lua(settings, names...)
	sum := sha1.Sum([]byte(text)) // The name Redis knows a script by; no secret.
	return &script{scriptName(names), text, hex.EncodeToString(sum[:])}
}

// exec runs the script at the server that g is for.
func (s *script) exec(ctx context.Context, c rueidis.Client, g *limiter, keys, args []string) rueidis.RedisResult {
	return s.run(ctx, c, g, keys, args, func(cmd rueidis.Completed) rueidis.RedisResult { return c.Do(ctx, cmd) })
}

// run is exec by do. A server that does not know the script is given its text by one call at a time; the others wait
// for that one. After a failover all calls under way would send it, up to [maxCalls] of some 25 KB.
func (s *script) run(
	ctx context.Context, c rueidis.Client, g *limiter, keys, args []string, do func(rueidis.Completed) rueidis.RedisResult,
) rueidis.RedisResult {
	for {
		loads := g.loads.Load()
		res := do(s.bySHA(c, keys, args))
		if !unknown(res) {
			return res
		}
		over, done := g.load(s.sha, loads)
		if done != nil {
			defer done()
			return do(c.B().Eval().Script(s.text).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build())
		}
		select {
		case <-over:
		case <-ctx.Done():
			return rueidis.NewErrorResult(ctx.Err())
		}
	}
}

func (s *script) bySHA(c rueidis.Client, keys, args []string) rueidis.Completed {
	return c.B().Evalsha().Sha1(s.sha).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
}

// unknown reports whether a server did not know a script.
func unknown(res rueidis.RedisResult) bool {
	err, ok := rueidis.IsRedisErr(res.Error())
	return ok && err.IsNoScript()
}

// execEach runs the script once for each of execs, in one round trip. It takes three where Redis does not know it yet,
// and one more for each other server of a cluster that does not. The ExecMulti of rueidis would first load it on all of
// a cluster's nodes each time, and fail where one of them is down.
func (s *script) execEach(ctx context.Context, c rueidis.Client, g *limiter, execs []rueidis.LuaExec) []rueidis.RedisResult {
	results := make([]rueidis.RedisResult, len(execs))
	todo := make([]int, len(execs))
	for i := range todo {
		todo[i] = i
	}
	for len(todo) > 0 {
		cmds := make(rueidis.Commands, len(todo))
		for i, which := range todo {
			cmds[i] = s.bySHA(c, execs[which].Keys, execs[which].Args)
		}
		left := todo[:0]
		for i, res := range c.DoMulti(ctx, cmds...) {
			results[todo[i]] = res
			if unknown(res) {
				left = append(left, todo[i])
			}
		}
		if len(left) > 0 { // Its server knows the script then.
			first := left[0]
			results[first] = s.exec(ctx, c, g, execs[first].Keys, execs[first].Args)
			left = left[1:]
		}
		todo = left
	}
	return results
}

// roomScripts are the scripts about rooms, for one form that rooms can have in Redis.
type roomScripts struct {
	publish, read, before, page, rangeOf, recall *script
	writeLog, readLog                            *script
	screen, hold, held, deny                     *script // nil beside original FastIM nodes
	approve                                      *script // publish for batches with held drafts; nil there
	recallSeq, purge, readRules, changeRules     *script // nil beside original FastIM nodes
	feedRead, feedMove, feedAdd                  *script // nil beside original FastIM nodes
	report                                       *script
}

// newRoomScripts makes the scripts of a store. Rooms in the form of original FastIM nodes have others, see interop.go.
func newRoomScripts(cfg Config, limits Limits) *roomScripts {
	settings := roomSettings(cfg, limits)
	room, publish, read, recall := "lib_room", "publish", []string{"lib_log", "read"}, []string{"lib_find", "lib_recall", "recall"}
	if cfg.FastIMInterop {
		room, publish, read, recall = "lib_room_interop", "publish_interop", []string{"read_interop"}, []string{"lib_find", "recall_interop"}
	}
	var quota []string
	if !cfg.FastIMInterop && limits.Quota.PerSecond > 0 { // each message would pay for it
		quota = []string{"lib_quota"}
	}
	script := func(names ...string) *script {
		return newScript(settings, append([]string{room}, names...)...)
	}
	s := &roomScripts{
		publish:  script(append(quota, publish)...),
		read:     script(read...),
		before:   script("lib_find", "before"),
		page:     script("lib_page", "page"),
		rangeOf:  script("lib_page", "range"),
		recall:   script(recall...),
		report:   script("report"),
		writeLog: script("write_log"),
		readLog:  script("read_log"),
	}
	if !cfg.FastIMInterop {
		s.recallSeq = script("lib_recall", "recall_seq")
		s.purge = script("lib_recall", "purge")
		s.readRules = script("read_rules")
		s.changeRules = script("change_rules")
		s.screen = script("screen")
		s.hold, s.held, s.deny = script("lib_held", "hold"), script("lib_held", "held"), script("lib_held", "deny")
		s.approve = script(append(quota, "lib_held", publish)...)
		s.feedRead, s.feedMove, s.feedAdd = script("lib_log", "feed_read"), script("feed_move"), script("feed_add")
	}
	return s
}

// roomSettings are the locals of all scripts about rooms. As arguments, and with redis.call looked up for each command,
// a message that comes alone cost Redis 7 % more instructions.
func roomSettings(cfg Config, limits Limits) string {
	return fmt.Sprintf(`local call, command = redis.call, '%s' -- command publishes to the channel of a room
local most, mostBytes = %d, %d -- entries and bytes of a history; 0: any number
local listLife, metaLife = '%s', '%s' -- of a history and of meta, in ms, from a message on that begins a bucket
local timesBucket, idsBucket, reportLife = %s, %s, %s -- a bucket of last ts, one of ids, a node's report, in s
local pageBytes, batchLife = %d, %s -- bytes of messages in one answer; how long a batch may be on its way, in ms
local userEvery, userBurst = %d, %d -- a user may say userBurst ms' worth, and one more message each userEvery ms; 0: any number
local gone, recallsKept = '%s', %d -- gone stands in a history in the place of a recalled message
local rulesKept, rulesLife, heldLife = %d, '%s', %s -- measures of a room; life of its rules, of a held message, in ms
local quotaEvery, quotaLow, quotaBurst, shiftTime, stormLow, levelFalls, stormOver = %s -- see quotaOf, chat.StormLow
`, cfg.publishCommand(), limits.HistoryMessages, limits.HistoryBytes, millis(limits.HistoryTTL+tsBucket), millis(limits.HistoryTTL+metaGrace),
		seconds(tsBucket), seconds(chat.IDLife), seconds(chat.ReportLife), pageBytes, millis(chat.BatchLife),
		limits.UserRate.Every, limits.UserRate.Every*limits.UserRate.Burst, tombstone, chat.RecallsKept,
		chat.MaxMeasures, millis(chat.RulesLife), millis(chat.HeldLife), quotaSettings(limits.Quota))
}
