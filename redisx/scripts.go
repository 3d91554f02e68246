package redisx

import (
	"context"
	"crypto/sha1"
	"encoding/hex"

	"github.com/redis/rueidis"
)

// Scripts run as one step: nothing else happens in Redis meanwhile. Numbers leave Lua
// through %.0f, because its own form loses digits after the fourteenth.

// checkTokenScript: KEYS token. ARGV token, the same quoted, life in ms, how little of it
// may be left in ms before it begins anew: nodes that check in turn would otherwise write
// each time, and every write makes all nodes read again.
var checkTokenScript = newBatchScript(`
local t=redis.call('GET',KEYS[1])
if t~=ARGV[1] and t~=ARGV[2] then return 0 end
if redis.call('PTTL',KEYS[1])<tonumber(ARGV[4]) then redis.call('PEXPIRE',KEYS[1],ARGV[3]) end
return 1`)

// joinScript: KEYS rooms. ARGV room as it is to be written, the same in the other form,
// channel.
var joinScript = newBatchScript(`
if redis.call('SISMEMBER',KEYS[1],ARGV[2])==1 or redis.call('SADD',KEYS[1],ARGV[1])==0 then return 0 end
redis.call('PUBLISH',ARGV[3],'')
return 1`)

// roomScripts are the scripts about rooms, for one form that rooms can have in Redis.
type roomScripts struct {
	publish, newest, since, before, rangeOf, recall *rueidis.Lua
	publishOnce, page, recallSeq                    *rueidis.Lua // see native.go
	report                                          batchScript
}

// roomForm is what the scripts of one form do in their own way.
type roomForm struct {
	// tail ends a message behind its ts.
	tail string
	// counted numbers the messages and tells the nodes, see countedScript.
	counted string
	// look begins what reads a history, see lookScript.
	look string
	// takeOut ends recall: it takes the entry at distance d out and tells the nodes.
	takeOut string
	// stands is what report returns of a room with the meta m = e, s, l.
	stands string
}

func newRoomScripts(f roomForm) roomScripts {
	page := f.look + pageScript
	tail := `local tail,repeats='` + f.tail + `',''`
	return roomScripts{
		publish:     rueidis.NewLuaScript(tail + knownScript + stampScript + f.counted + answerScript),
		publishOnce: rueidis.NewLuaScript(tail + siftScript + knownScript + nothingNew(f.look) + stampScript + f.counted + noteScript + answerScript),
		newest:      rueidis.NewLuaScript(page + newestScript),
		since:       rueidis.NewLuaScript(page + sinceScript),
		before:      rueidis.NewLuaScript(page + findScript + beforeScript),
		page:        rueidis.NewLuaScript(page + turnScript),
		rangeOf:     rueidis.NewLuaScript(f.look + rangeScript),
		recall:      rueidis.NewLuaScript(f.look + findScript + recallScript + f.takeOut),
		recallSeq:   rueidis.NewLuaScript(f.look + recallSeqScript + f.takeOut),
		report:      newBatchScript(reportScript + `return {` + f.stands + `,sum,likes}`),
	}
}

// ownScripts are for rooms in our form, see doc.go.
var ownScripts = newRoomScripts(roomForm{
	tail: `}`, counted: countedScript, look: lookScript, takeOut: tombstoneScript, stands: `m[1] or '',tonumber(m[2]) or 0`,
})

// newestGone is the number of the newest tombstone in a list without a count, whose
// oldest entry has number 1; 0 where there is no tombstone.
const newestGone = `(redis.call('LPOS',list,'` + tombstone + `','RANK',-1) or -1)+1`

// knownScript begins publish. KEYS history, meta, prefix of the last ts. ARGV most
// entries, life of the history and of the meta in ms, command to publish with, channel,
// epoch to use if there is none, seconds a bucket of last ts is written, number of the
// batch, the node's field; then for n drafts n users, n ts and n heads.
//
// No key has the prefix's name. So while its slot moves to another node of a cluster Redis
// answers TRYAGAIN, instead of an error in the middle of the script.
//
// Where the batch is the last one that the node published, or older, it ends with what it
// answered to that: the batch's number, the epoch, the newest number, the total, and the
// repeats. That is what the node's field among the last ts holds.
const knownScript = `
local list,meta=KEYS[1],KEYS[2]
local n=(#ARGV-9)/3
local bucket=math.floor(redis.call('TIME')[1]/ARGV[7])
local now=KEYS[3]..bucket
local a=redis.call('HMGET',now,unpack(ARGV,9,9+n))
local o=redis.call('HMGET',KEYS[3]..(bucket-1),unpack(ARGV,9,9+n))
local batch,answer=ARGV[8]..' ',a[1] or o[1]
if answer and tonumber(answer:match('%d+'))>=tonumber(batch) then return answer end
`

// stampScript appends the messages to the history.
const stampScript = `
local m=redis.call('HMGET',meta,'e','s','b') -- Before anything is written, as it may fail.
local last,set,msgs={},{},{}
for i=1,n do
  local user,ts=ARGV[9+i],tonumber(ARGV[9+n+i])
  local l=last[user] or math.max(tonumber(a[i+1] or 0),tonumber(o[i+1] or 0))
  if ts<=l then ts=l+1 end
  last[user]=ts
  local text=string.format('%.0f',ts)
  set[2*i-1],set[2*i]=user,text
  msgs[i]=ARGV[9+2*n+i]..text..tail
end
local len=redis.call('RPUSH',list,unpack(msgs))
local over=math.max(0,len-ARGV[1])
if over>0 then redis.call('LTRIM',list,over,-1) end
redis.call('PEXPIRE',list,ARGV[2])
`

// countedScript keeps the count in the meta and sets the epoch e, the newest number s
// and the total. The payload is what codec.AppendEvent writes.
const countedScript = `
local e,s,b=m[1],tonumber(m[2]),tonumber(m[3])
local known=e and s and b
if known and len>n then
  s=s+n
  redis.call('HSET',meta,'s',string.format('%.0f',s))
else
  if known then s,b=s+n,s -- the history had expired: a new life, a new total
  else                    -- maybe the list of an original FastIM server: count on
    e,s,b=ARGV[6],len,0
    redis.call('HSET',meta,'r',over+` + newestGone + `)
  end
  redis.call('HSET',meta,'e',e,'s',string.format('%.0f',s),'b',string.format('%.0f',b))
end
redis.call('PEXPIRE',meta,ARGV[3])
local total=s-b
redis.call(ARGV[4],ARGV[5],string.format('m1 %s %.0f %.0f %s.%s\n',e,s-n+1,total,ARGV[9]:sub(2),ARGV[8])..table.concat(msgs,'\n'))
`

// answerScript ends publish. A set of last ts is used for at most two of its three
// lives, so it is enough that each node gives it one.
const answerScript = `
answer=batch..string.format('%s %.0f %.0f',e,s,total)..repeats
set[2*n+1],set[2*n+2]=ARGV[9],answer
redis.call('HSET',now,unpack(set))
if not a[1] then redis.call('EXPIRE',now,3*ARGV[7]) end
return answer`

// lookScript begins every script that reads a history. KEYS history, meta. ARGV epoch
// to use if there is none, life of the meta in ms. A place in the history is told by
// its distance from the end: 1 is the newest.
const lookScript = `
local list,meta=KEYS[1],KEYS[2]
local gone='` + tombstone + `'
local len=redis.call('LLEN',list)
local m=redis.call('HMGET',meta,'e','s','b','r')
local e,s,b,r=m[1],tonumber(m[2]),tonumber(m[3]),tonumber(m[4]) or 0
if not (e and s and b) then
  e,s,b,r='',0,0,0
  if len>0 then -- the list of an original FastIM server, or the count was lost
    e,s,r=ARGV[1],len,` + newestGone + `
    redis.call('HSET',meta,'e',e,'s',s,'b',0,'r',r)
    redis.call('PEXPIRE',meta,ARGV[2])
  end
end
`

// pageScript defines collect, which returns the answer: epoch, newest number, total, then
// number and text of each entry.
const pageScript = `
local page={e,s,len==0 and 0 or s-b}
-- collect adds at most limit entries at distances from..to, going by step 1 or -1.
local function collect(from,to,step,limit)
  while limit>0 and (to-from)*step>=0 do
    local last=from+step*(math.max(32,math.min(limit,256))-1)
    if (to-last)*step<0 then last=to end
    local far,near=math.max(from,last),math.min(from,last)
    local c=redis.call('LRANGE',list,-far,-near)
    for d=from,last,step do
      local text=c[far-d+1]
      if limit>0 and text~=gone then
        page[#page+1]=s-d+1
        page[#page+1]=text
        limit=limit-1
      end
    end
    from=last+step
  end
  return page
end
`

// findScript defines find: the distance of the entry that begins and ends like one of
// the two needles at ARGV[at], head, tail, head, tail; nil where there is none.
const findScript = `
local function find(at)
  local h1,t1,h2,t2=unpack(ARGV,at,at+3)
  for near=1,len,256 do
    local c=redis.call('LRANGE',list,-math.min(near+255,len),-near)
    for i=#c,1,-1 do
      local x=c[i]
      if (x:sub(-#t1)==t1 and x:sub(1,#h1)==h1) or (x:sub(-#t2)==t2 and x:sub(1,#h2)==h2) then return near+#c-i end
    end
  end
end
`

// newestScript: ARGV[3] limit. The page is newest first.
const newestScript = `
return collect(1,len,1,tonumber(ARGV[3]))`

// sinceScript: ARGV[3] sequence number, [4] limit. The page is oldest first.
const sinceScript = `
return collect(math.min(s-ARGV[3],len),1,-1,tonumber(ARGV[4]))`

// beforeScript: ARGV[3] count, [4] to [7] the needles. The page is newest first; nil
// where the message is not found.
const beforeScript = `
local d=find(4)
return d and collect(d+1,len,1,tonumber(ARGV[3]))`

// rangeScript: ARGV[3] start, [4] stop. The entries from the message that start means
// to the one that stop means, with the tombstones between them. LPOS looks for them
// because handing every entry to Lua costs twenty times as much (30 and 570 ns an entry
// of 115 bytes, measured on 2 cores).
const rangeScript = `
local first,last=ARGV[3],ARGV[4]
if r>s-len then
  -- place is the index of the message that i means; outside the list where it has too
  -- few. It looks as deep from the end that i counts from as it must.
  local function place(i)
    local rank,n=1,i
    if i<0 then rank,n=-1,-1-i end
    n=math.min(n,len)
    local depth,at=n+64
    repeat
      depth=2*depth
      at=redis.call('LPOS',list,gone,'RANK',rank,'COUNT',0,'MAXLEN',depth)
    until depth-#at>n or depth>=len
    for _,p in ipairs(at) do
      if i<0 then p=len-1-p end
      if p>n then break end
      n=n+1
    end
    return i<0 and len-1-n or n
  end
  first,last=math.max(place(tonumber(first)),0),place(tonumber(last))
  if last<0 then return {} end
end
return redis.call('LRANGE',list,first,last)`

// recallScript: ARGV[3] command to publish with, [4] to [7] the needles, [8] channel.
const recallScript = `
local d=find(4)
if not d then return 0 end
`

// tombstoneScript puts a tombstone in the entry's place, so that the others keep their
// numbers.
const tombstoneScript = `
redis.call('LSET',list,-d,gone)
redis.call('HSET',meta,'r',string.format('%.0f',math.max(r,s-d+1)))
redis.call(ARGV[3],ARGV[8],string.format('r1 %s %.0f %.0f',e,s-d+1,s-b))
return 1`

// reportScript: KEYS online, meta, history. ARGV node, online, likes, seconds that a
// report counts, life of the meta in ms, command to publish with, channel. It returns
// epoch, newest number, online, likes.
//
// What the hash holds at first is what was told last.
const reportScript = `
local online,meta=KEYS[1],KEYS[2]
local m=redis.call('HMGET',meta,'e','s','l')
local now=tonumber(redis.call('TIME')[1])
local was,sum=0,tonumber(ARGV[2])
local shares=redis.call('HGETALL',online)
for i=1,#shares,2 do
  local share,at=shares[i+1]:match('^(%d+) (%d+)$')
  was=was+(share or 0)
  if shares[i]~=ARGV[1] then
    if share and now-at<tonumber(ARGV[4]) then sum=sum+share else redis.call('HDEL',online,shares[i]) end
  end
end
if ARGV[2]=='0' then redis.call('HDEL',online,ARGV[1])
else
  redis.call('HSET',online,ARGV[1],ARGV[2]..' '..now)
  redis.call('EXPIRE',online,ARGV[4])
end
local likes,liked=tonumber(m[3]) or 0,ARGV[3]~='0'
if liked then
  likes=redis.call('HINCRBY',meta,'l',ARGV[3])
  redis.call('PEXPIRE',meta,ARGV[5])
end
if sum~=was or liked then redis.call(ARGV[6],ARGV[7],string.format('c1 %.0f %.0f',sum,likes)) end
`

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
