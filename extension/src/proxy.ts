// Turns VS Code's proxy settings into the variables by which other programs are told of a proxy.

/**
 * VS Code passes its settings to no process that an extension starts, so that a download would know no proxy that is set
 * there and not in the environment. As in VS Code, the setting goes before the environment.
 * @param proxy `http.proxy`; empty where none is set. SOCKS is not passed on: the server's runtime does not speak it.
 * @param noProxy `http.noProxy`: hosts that are reached directly. Both are what a person wrote, of whatever type.
 * @returns What to add to the environment of the server.
 */
export function proxyEnvironment(proxy: unknown, noProxy: unknown): Record<string, string> {
  // Both spellings: a lower-case variable of the environment would go before.
  const both = (name: string, value: string) => ({ [name]: value, [name.toLowerCase()]: value });
  return {
    ...(typeof proxy === "string" &&
      /^https?:/i.test(proxy) && { ...both("HTTPS_PROXY", proxy), ...both("HTTP_PROXY", proxy) }),
    ...(Array.isArray(noProxy) && noProxy.length > 0 && both("NO_PROXY", noProxy.join(","))),
  };
}
