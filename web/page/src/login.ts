// Logging in. A login ends the one before, so all tabs of a user share the newest token.

import { load, save } from "./prefs.js";

/** LoginError says why a login failed. */
export class LoginError extends Error {
  /** refused is true where the server said no; false where it did not answer. */
  constructor(readonly refused: boolean) {
    super(refused ? "the server refused the login" : "the server does not answer");
  }
}

/** Login knows one user's token. */
export class Login {
  private readonly key: string;

  constructor(private readonly userId: string, private readonly password: string) {
    this.key = `token.${userId}`;
  }

  /** token is the saved one, or that of a new login. */
  async token(): Promise<string> {
    return load(this.key) || this.renew();
  }

  /** forget makes the next token a new one. */
  forget(): void {
    save(this.key, "");
  }

  private async renew(): Promise<string> {
    let response: Response;
    try {
      response = await fetch("/v1/login", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ user_id: this.userId, password: this.password || "any" }), // Where no hook decides, any password passes.
        signal: AbortSignal.timeout(10_000),
      });
    } catch {
      throw new LoginError(false);
    }
    if (!response.ok) throw new LoginError(response.status < 500);
    const { token } = (await response.json()) as { token: string };
    save(this.key, token);
    return token;
  }
}
