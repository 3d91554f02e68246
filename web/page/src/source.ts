// Where the page has its room from.

import type { Room } from "../../client/src/index.js";

/** Source is the part of a Room that the page uses: the client's, or a simulated one. */
export type Source = Pick<Room, "epoch" | "on" | "connect" | "close" | "send" | "like" | "recall" | "moderate" | "held" | "messages">;
