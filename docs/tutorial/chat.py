# A client of barrage.v1: python3 chat.py ws://127.0.0.1:9000 ROOM USER TOKEN. Each line that you type is sent.
import asyncio, base64, json, random, sys, urllib.parse, uuid
import websockets

url, room, user, token = sys.argv[1:5]
bearer = "bearer." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
for_good = {1002, 1003, 1007, 1009, 4400, 4401, 4403, 4410, 4429}  # a client closed with one of these stays away
ws, place = None, {}  # place is where we have got: epoch, since, ts
unsent = {}  # frames that have no ack yet, by id

async def connect():
    global ws
    while not ws or ws.close_code not in for_good:
        query = urllib.parse.urlencode({"user_id": user, **place})
        address = f"{url}/v1/rooms/{urllib.parse.quote(room, safe='')}/ws?{query}"
        try:
            async with websockets.connect(address, subprotocols=["barrage.v1", bearer]) as ws:
                async for text in ws:
                    await on(json.loads(text))
        except (OSError, websockets.WebSocketException) as why:
            print("*", why, flush=True)
        await asyncio.sleep(random.uniform(0.5, 3))  # not all at once

async def on(frame):
    global place
    match frame["t"]:
        case "welcome":
            if not frame["recovered"]:
                if place: print("* some messages were missed", flush=True)
                place = {"epoch": frame["epoch"], "since": frame["seq"], "ts": 0}
            show(frame)
            for send in list(unsent.values()):  # nobody knows whether they arrived
                await ws.send(send)
        case "epoch":
            place = {"epoch": frame["epoch"], "since": frame["seq"], "ts": frame["ts"]}
        case "batch":
            show(frame)
        case "gap":
            print(f"* missed {frame['from']} to {frame['to']}", flush=True)
        case "ack":
            unsent.pop(frame["id"], None)
        case "refused":
            if frame["retry_after_ms"] > 0 and frame["id"] in unsent:
                asyncio.get_running_loop().call_later(frame["retry_after_ms"] / 1000, again, frame["id"])
            elif unsent.pop(frame["id"], None):
                print("* not sent:", frame["message"], flush=True)

def show(frame):
    global place
    for m in frame["messages"]:
        place = {"epoch": frame["epoch"], "since": m["seq"], "ts": m.get("ts", 0)}
        if "recalled" not in m:
            print(f"{m['seq']} {m['user_id']}: {m['body']}", flush=True)

def again(name):
    if name in unsent and ws and ws.close_code is None:
        asyncio.ensure_future(ws.send(unsent[name]))

async def typed():
    while line := await asyncio.to_thread(sys.stdin.readline):
        name = uuid.uuid4().hex
        unsent[name] = json.dumps({"t": "send", "id": name, "body": line.rstrip("\n")})
        again(name)

async def main():
    asyncio.ensure_future(typed())
    await connect()

asyncio.run(main())
