// Every text of the page, in both languages.

/** Language is one that the page speaks. */
export type Language = "en" | "zh";

const en = {
  tagline: "Say something, and it flies.",
  room: "Room",
  name: "Your name",
  password: "Password",
  enter: "Enter",
  cancel: "Cancel",
  change: "Change room or name",
  badId: "Room and name take 1 to 64 bytes, and not only dots.",
  loginFailed: "Login failed: {why}.",
  wrongPassword: "wrong name or password",

  idle: "Not connected",
  connecting: "Connecting …",
  open: "Live",
  waiting: "Back in {n} s",
  closed: "Closed: {why}",
  now: "Connect now",
  again: "Connect again",
  why_close: "you left",
  why_unauthenticated: "your login is not valid",
  why_token_expired: "your login has ended",
  why_token_revoked: "your login was revoked",
  why_token_replaced: "you logged in somewhere else",
  why_bad_token: "this login cannot be used",
  why_forbidden: "you are not a member",
  why_banned: "you are banned",
  why_full: "the server is full",
  why_no_room: "too many rooms are live here",
  why_too_many_connections: "open in too many tabs or on too many devices",
  why_no_such_room: "there is no such room",
  why_origin_not_allowed: "this page may not connect here",
  why_flooding: "too many messages at once",
  why_lost: "connection lost",
  why_silent: "the server went silent",
  why_leaving: "the server restarts",
  why_draining: "the server restarts",
  why_rate_limited: "too many at once",
  why_upgrade_required: "this browser is too old",
  why_unavailable: "the server is unavailable",
  why_internal: "the server made a mistake",
  why_refused: "the server refused",
  why_bad_request: "the server did not understand",
  why_protocol: "the connection was garbled",
  why_network: "the network does not answer",
  why_closed: "not connected",
  why_timeout: "no answer",
  why_too_big: "a message was too big",
  why_invalid: "that is not possible here",
  why_overflow: "too many messages wait to be sent",
  why_busy: "the server is busy, try again in a moment",
  why_expired: "the server was cut off for too long, others have not seen it",
  why_unconfirmed: "it may have arrived, or not",
  why_store_refused: "the server could not keep it",
  why_not_found: "it is not there any more",
  why_too_old: "too long ago",
  why_other_epoch: "the room counts anew",
  send_timeout: "no answer; it may have arrived",
  send_invalid: "too long",
  recall_forbidden: "it is somebody else’s",
  other: "something went wrong ({code})",

  video: "A concert stage at night, drawn in place of a video",
  messages: "Messages",
  noOlder: "Older messages cannot be loaded: {why}",
  online: "{n} online",
  likeLabel: "Like, {n} so far",
  say: "Say something …",
  sayLabel: "Your message",
  send: "Send",
  sending: "Sending …",
  notSent: "Not sent: {why}",
  sayAgain: "you may write again in {n} s",
  tooLong: "too long, {n} bytes at most",
  recall: "Recall",
  recallLabel: "Recall your message “{body}”",
  notRecalled: "Not recalled: {why}",
  recalled: "A message was recalled",
  recalledMine: "You recalled a message",
  recalledOther: "{who} recalled a message",
  recalledBy: "{by} took back a message of {who}",
  gap: "{n} messages are missing here",
  gapSome: "Messages are missing here",
  epoch: "The room started over",
  alone: "Part of the room is out of reach: those people will see this later",
  together: "The whole room is here again",
  fresh_one: "1 new message",
  fresh: "{n} new messages",
  heard: "{n} new messages. {who}: {body}",
  sample: "{rate}/s · showing {part} of {whole}",
  sampleList: "{rate} messages a second: the list shows {part} of {whole}",
  you: "you",

  fly: "Flying comments",
  theme: "Dark colours",
  language: "中文",
  simulated: "Simulated room",
  rate: "No server. Simulated messages/s:",
};

/** Text is the key of a text. */
export type Text = keyof typeof en;

const zh: Record<Text, string> = {
  tagline: "说一句，飞过屏幕。",
  room: "房间",
  name: "你的名字",
  password: "密码",
  enter: "进入",
  cancel: "取消",
  change: "更换房间或名字",
  badId: "房间和名字须为 1 到 64 字节，且不能只有点。",
  loginFailed: "登录失败：{why}。",
  wrongPassword: "名字或密码不对",

  idle: "未连接",
  connecting: "正在连接…",
  open: "直播中",
  waiting: "{n} 秒后重连",
  closed: "已断开：{why}",
  now: "立即连接",
  again: "重新连接",
  why_close: "你已离开",
  why_unauthenticated: "登录无效",
  why_token_expired: "登录已到期",
  why_token_revoked: "登录已被撤销",
  why_token_replaced: "你已在别处登录",
  why_bad_token: "登录凭证无法使用",
  why_forbidden: "你不是房间成员",
  why_banned: "你已被封禁",
  why_full: "服务器已满",
  why_no_room: "直播间过多，请稍后再试",
  why_too_many_connections: "同时打开的页面或设备过多",
  why_no_such_room: "没有这个房间",
  why_origin_not_allowed: "此页面无权连接",
  why_flooding: "发送太快",
  why_lost: "连接中断",
  why_silent: "服务器没有回应",
  why_leaving: "服务器正在重启",
  why_draining: "服务器正在重启",
  why_rate_limited: "请求太多",
  why_upgrade_required: "浏览器版本太旧",
  why_unavailable: "服务器暂时不可用",
  why_internal: "服务器出错",
  why_refused: "服务器拒绝了",
  why_bad_request: "服务器无法理解请求",
  why_protocol: "通信出错",
  why_network: "网络没有回应",
  why_closed: "没有连接",
  why_timeout: "没有回应",
  why_too_big: "消息太大",
  why_invalid: "此处无法这样做",
  why_overflow: "等待发送的消息太多",
  why_busy: "服务器繁忙，请稍后再试",
  why_expired: "服务器断线太久，其他人没有看到",
  why_unconfirmed: "可能已送达，也可能没有",
  why_store_refused: "服务器未能保存",
  why_not_found: "消息已不存在",
  why_too_old: "已经过了太久",
  why_other_epoch: "房间已重新计数",
  send_timeout: "没有回应，可能已送达",
  send_invalid: "太长",
  recall_forbidden: "这不是你的消息",
  other: "出错了（{code}）",

  video: "代替视频的画面：夜晚的演唱会舞台",
  messages: "消息",
  noOlder: "无法加载更早的消息：{why}",
  online: "{n} 人在线",
  likeLabel: "点赞，已有 {n} 个",
  say: "说点什么…",
  sayLabel: "你的消息",
  send: "发送",
  sending: "正在发送…",
  notSent: "未发送：{why}",
  sayAgain: "{n} 秒后可以再发",
  tooLong: "太长，最多 {n} 字节",
  recall: "撤回",
  recallLabel: "撤回你的消息“{body}”",
  notRecalled: "未撤回：{why}",
  recalled: "一条消息已被撤回",
  recalledMine: "你撤回了一条消息",
  recalledOther: "{who} 撤回了一条消息",
  recalledBy: "{by} 撤回了 {who} 的一条消息",
  gap: "此处缺少 {n} 条消息",
  gapSome: "此处缺少一些消息",
  epoch: "房间已重新开始",
  alone: "暂时连不上部分观众，他们稍后会看到这些消息",
  together: "全房间又连在一起了",
  fresh_one: "1 条新消息",
  fresh: "{n} 条新消息",
  heard: "{n} 条新消息。{who}：{body}",
  sample: "每秒 {rate} 条 · 每 {whole} 条显示 {part} 条",
  sampleList: "每秒 {rate} 条消息：列表每 {whole} 条显示 {part} 条",
  you: "你",

  fly: "弹幕",
  theme: "深色",
  language: "English",
  simulated: "模拟房间",
  rate: "没有服务器，模拟消息每秒：",
};

/** texts are all of them. */
export const texts: Record<Language, Record<Text, string>> = { en, zh };

let language: Language = "en";

/** speak sets the language of what follows. */
export function speak(next: Language): void {
  language = next;
}

/** spoken is the language set. */
export function spoken(): Language {
  return language;
}

/** t is a text with its blanks filled in; numbers are written as the language writes them. */
export function t(key: Text, blanks: Record<string, string | number> = {}): string {
  return texts[language][key].replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = blanks[name] ?? "";
    return typeof value === "number" ? number(value) : value;
  });
}

/** number writes n as the language does. */
export function number(n: number): string {
  return n.toLocaleString(language === "zh" ? "zh-CN" : "en");
}

/** isText says whether there is such a text: servers may send codes that we have none for. */
export function isText(key: string): key is Text {
  return Object.hasOwn(en, key);
}
