// Where the node is.

/** home is the node's address: the page stands at its root, which may lie below a path of a proxy. */
export function home(): string {
  return new URL(".", location.href).href;
}
