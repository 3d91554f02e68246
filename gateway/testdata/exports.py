"""Reads what GET …/export makes with others' parsers, from the folder given, and says what they found, as JSON."""
import html, json, re, sys
import biliass, pysubs2, webvtt

folder = sys.argv[1]


def read(name):
    with open(f"{folder}/{name}", encoding="utf-8", newline="") as file:
        return file.read()


def ass(text, said=lambda e: e.plaintext):
    return [{"at": e.start, "who": e.name, "text": said(e)} for e in pysubs2.SSAFile.from_string(text, "ass")]


def unescaped(e):
    """unescaped is what biliass made a line from."""
    return re.sub(r"\\([{}\\])", r"\1", re.sub(r"^\{[^}]*\}", "", e.text))


flown = biliass.convert_to_ass(read("bilibili-xml"), 1920, 1080, reduce_comments=False)
print(json.dumps({
    "jsonl": [{"at": m["ts"], "who": m["user_id"], "text": m["body"]} for m in map(json.loads, read("jsonl").split("\n")[:-1]) if not m.get("recalled")],
    "vtt": [{"at": c.start_in_seconds * 1000 + int(c.start.split(".")[1]), "who": c.voice, "text": html.unescape(c.text)} for c in webvtt.from_string(read("vtt"))],
    "ass": ass(read("ass")),
    "bilibili-xml": ass(flown, unescaped),
}))
