import { ProxyError } from "@porchlight/protocol/errors";
import { MAX_URL_CHARS } from "@porchlight/protocol/limits";
import { judgeUrl, type TargetPolicy } from "@porchlight/runtime/target-policy";

/**
 * A job's URL as the WHATWG parser writes it, without fragment, judged by the target policy as far as that is
 * possible before its name is resolved.
 * @throws {ProxyError} `invalid_url` for what the parser rejects, other schemes than http(s), user-info, port 0
 * (faults A7, A8, A9, A14); `target_forbidden`, `port_forbidden` (faults A14, A15). Never with the URL itself.
 */
export function parseJobUrl(text: string, policy: TargetPolicy): URL {
  const url = URL.parse(text);
  if (url === null) throw new ProxyError("invalid_url", '"url" is not a valid absolute URL');
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new ProxyError("invalid_url", '"url" must begin with http:// or https://');
  }
  if (url.username !== "" || url.password !== "") {
    throw new ProxyError(
      "invalid_url",
      '"url" must hold no user name or password: use an Authorization header',
    );
  }
  if (url.hash !== "" || url.href.endsWith("#")) url.hash = "";
  if (url.href.length > MAX_URL_CHARS) {
    throw new ProxyError(
      "invalid_url",
      `"url" must have at most ${MAX_URL_CHARS} characters once it is percent-encoded`,
    );
  }
  const refusal = judgeUrl(url, policy);
  if (refusal !== undefined) throw refusal;
  return url;
}
