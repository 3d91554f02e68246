export { BarrageError, ConnectionError, HttpError, SendError } from "./errors.js";
export type { ErrorCode } from "./errors.js";
export { Room } from "./room.js";
export type * from "./types.js";
