package redisx

import (
	"time"

	"barrage/codec"
)

// This file is what native clients need of a store: messages sent once, and pages and
// recalls by number; keys and scripts of it. The script that publishes batches without ids
// has no part in it.

// OnceFor is how long a message's ID is known after it was published, at least. One set of
// IDs is written to for that time; whoever looks for an ID looks into the present set and
// the one before, as with tsBucket.
const OnceFor = 2 * time.Minute

// sentField is what a draft is noted under, empty where it has no ID. Users have no
// control characters.
func sentField(d *codec.Draft) string {
	if d.ID == "" {
		return ""
	}
	return d.UserID + "\x00" + d.ID
}

// sentFields are those of all drafts; ids reports whether one is not empty.
func sentFields(drafts []codec.Draft) (fields []string, ids bool) {
	for i := range drafts {
		if drafts[i].ID == "" {
			continue
		}
		if fields == nil {
			fields = make([]string, len(drafts))
		}
		fields[i] = sentField(&drafts[i])
	}
	return fields, fields != nil
}

// sentPrefix lacks the number of the bucket, which the script appends.
func (k keys) sentPrefix(room string) string { return "gmi:" + k.tag(room) + ":" }

// siftScript begins publish where drafts have IDs: it leaves those out of ARGV that are
// repeats. KEYS has one more, the prefix of the sets of IDs; ARGV n more, the fields of the
// drafts. A set's values are "number ts".
const siftScript = `
local all=ARGV
local drafts=(#all-9)/4
local ids=KEYS[4]..math.floor(redis.call('TIME')[1]/120)
local earlier=KEYS[4]..(math.floor(redis.call('TIME')[1]/120)-1)
local fields,sent={},{}
for i=9+3*drafts+1,#all do
  if all[i]~='' then fields[#fields+1]=all[i] end
end
for _,set in ipairs({ids,earlier}) do
  local values=redis.call('HMGET',set,unpack(fields))
  for i,f in ipairs(fields) do sent[f]=sent[f] or values[i] end
end
local ARGV,kept,again={unpack(all,1,9)},{},{}
for i=1,drafts do
  local f=all[9+3*drafts+i]
  if sent[f] then again[#again+1]=i
  else
    kept[#kept+1]=i
    if f~='' then sent[f]=#kept end -- its place; the number comes later
  end
end
for group=0,2 do
  for _,i in ipairs(kept) do ARGV[#ARGV+1]=all[9+group*drafts+i] end
end
-- tellRepeats says which drafts were stored before: for each its index, the number and the ts.
local function tellRepeats()
  for _,i in ipairs(again) do
    repeats=repeats..string.format(' %d ',i-1)..sent[all[9+3*drafts+i]]
  end
end
`

// nothingNew ends publish where all drafts are repeats: the room stands where it stood.
func nothingNew(look string) string {
	return `
if n==0 then
  tellRepeats()
  local node,ttl=ARGV[9],3*ARGV[7]
  local ARGV={ARGV[6],ARGV[3]}
` + look + `
  answer=batch..string.format('%s %.0f %.0f',e,s,len==0 and 0 or s-b)..repeats
  redis.call('HSET',now,node,answer)
  if not a[1] then redis.call('EXPIRE',now,ttl) end
  return answer
end
`
}

// noteScript notes the IDs of a batch that was counted.
const noteScript = `
local notes={}
for place,i in ipairs(kept) do
  local f=all[9+3*drafts+i]
  if f~='' then
    sent[f]=string.format('%.0f ',s-n+place)..set[2*place]
    notes[#notes+1]=f
    notes[#notes+1]=sent[f]
  end
end
if #notes>0 then
  redis.call('HSET',ids,unpack(notes))
  redis.call('EXPIRE',ids,240)
end
tellRepeats()
`

// turnScript is the page of [Store.Page]: ARGV[3] before, [4] after, [5] limit. Tombstones
// are in it.
const turnScript = `
local before,limit=tonumber(ARGV[3]),tonumber(ARGV[5])
local far,near=math.min(len,s-ARGV[4]),1
if before>0 then near=math.max(1,s-before+2) end
if far-near+1>limit then
  if before>0 then far=near+limit-1 else near=far-limit+1 end
end
if near<=far then
  for i,text in ipairs(redis.call('LRANGE',list,-far,-near)) do
    page[#page+1]=s-far+i
    page[#page+1]=text
  end
end
return page`

// The answers of recallSeqScript.
const (
	recallNone = iota
	recallDone
	recallNotYours
	recallTooOld
)

// recallSeqScript: ARGV[3] command to publish with, [4] how the user's messages begin, [5]
// the same quoted, [6] number, [7] the oldest ts that may be recalled, [8] channel.
const recallSeqScript = `
local d=s-ARGV[6]+1
local text=d>=1 and d<=len and redis.call('LINDEX',list,-d)
local ts=text and text:match('"ts\\?":(%d+)}"?$')
if not ts then return 0 end
if text:sub(1,#ARGV[4])~=ARGV[4] and text:sub(1,#ARGV[5])~=ARGV[5] then return 2 end
if tonumber(ts)<tonumber(ARGV[7]) then return 3 end
`
