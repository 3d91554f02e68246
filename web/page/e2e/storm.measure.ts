// Frames, long tasks, nodes and memory of the page: `npm run measure storm`.

import { measureOverNode } from "./overnode.js";

measureOverNode("the page", (node) => `${node.url}?room=storm&name=Mia`, "#state[data-state=open]");
