// Frames, long tasks and memory of the console: `npm run measure console`.

import { measureOverNode } from "./overnode.js";

measureOverNode("the console", (node) => `http://${node.admin}/console#room=storm`, "#link[data-state=live]");
