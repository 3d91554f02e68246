export { BarrageError, ConnectionError, HttpError, SendError } from "./errors.cjs";
export type { ErrorCode } from "./errors.cjs";
export { forGood } from "./moderation.cjs";
export { Room } from "./room.cjs";
export type * from "./types.cjs";
export { RoomStore } from "./view.cjs";
export type { RoomView, ViewOptions } from "./view.cjs";
