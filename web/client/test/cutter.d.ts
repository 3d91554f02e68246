/** Cutter stands before a server. */
export declare class Cutter {
    #private;
    /** cutAfter, where set, cuts the next connection after so many bytes of the server, once. */
    cutAfter: number | undefined;
    /** refusing cuts each new connection at once. */
    refusing: boolean;
    private constructor();
    /** before makes a Cutter before the port that target names at each connection. */
    static before(target: () => number): Promise<Cutter>;
    get port(): number;
    /** cutAll cuts every connection, and returns how many. */
    cutAll(): number;
    close(): void;
}
