export { BarrageError, ConnectionError, HttpError, SendError } from "./errors.js";
export type { ErrorCode } from "./errors.js";
export { forGood } from "./moderation.js";
export { Room } from "./room.js";
export type * from "./types.js";
export { RoomStore } from "./view.js";
export type { RoomView, ViewOptions } from "./view.js";
