export { BarrageError, ConnectionError, HttpError, SendError } from "./errors.js";
export type { ErrorCode } from "./errors.js";
export { forGood } from "./moderation.js";
export { Room } from "./room.js";
export type * from "./types.js";
