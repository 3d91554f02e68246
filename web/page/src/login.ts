// Logging in by name. A login may end the one before, so all tabs of a user share the newest token.

import { home } from "./home.js";
import { load, save } from "./prefs.js";

/** LoginError says why a login failed. */
export class LoginError extends Error {
  /** refused is true where the server refused the login; false where it did not answer, or could not decide. */
  constructor(readonly refused: boolean) {
    super(refused ? "the server refused the login" : "the server does not answer");
  }
}

/** Login knows one user's tokens. */
export class Login {
  /** key is what the newest token is saved under. */
  readonly key: string;
  private used = ""; // Given last.
  private spent = ""; // Of no use any more.

  constructor(readonly userId: string, private readonly password: string) {
    this.key = `token.${userId}`;
  }

  /**
   * token is the saved one, which another tab may have renewed, or that of a new login. Where the server takes no new
   * login without a password it is the spent one again: its refusal names what became of it.
   */
  async token(): Promise<string> {
    const newest = load(this.key) || this.used; // Some browsers keep nothing.
    if (newest && newest !== this.spent) return (this.used = newest);
    try {
      return await this.renew();
    } catch (err) {
      if (err instanceof LoginError && err.refused && this.spent) return this.spent;
      throw err;
    }
  }

  /** spend makes the next token another one. */
  spend(): void {
    this.spent = this.used;
  }

  /** forget spends the token, and no tab begins with it again. */
  forget(): void {
    this.spend();
    if (load(this.key) === this.spent) save(this.key, "");
  }

  /** other says that another tab of this browser has a newer token than ours. */
  get other(): boolean {
    return !["", this.used].includes(load(this.key));
  }

  /** renew logs in anew. */
  async renew(): Promise<string> {
    let response: Response;
    try {
      response = await fetch(new URL("v1/login", home()), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        // Where no hook decides, any password passes.
        body: JSON.stringify({ user_id: this.userId, password: this.password || "any" }),
        signal: AbortSignal.timeout(10_000),
      });
    } catch {
      throw new LoginError(false);
    }
    if (!response.ok) throw new LoginError(response.status < 500 && response.status !== 429);
    const { token } = (await response.json()) as { token: string };
    save(this.key, token);
    return (this.used = token);
  }
}
