import type { TestContext } from "node:test";
/** Gateway is one running node. */
export declare class Gateway {
    #private;
    readonly port: number;
    private constructor();
    /** start starts a node with settings of the environment; it ends with the test. */
    static start(t: TestContext, env?: Record<string, string>): Promise<Gateway>;
    /** stop ends the node, gently or not, and returns when it is gone. */
    stop(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}
/** eventually returns when check passes; it is asked again at each turn of the loop, and after limitMs for the last time. */
export declare function eventually(what: string, check: () => boolean, limitMs?: number): Promise<void>;
