/** The examples of examples/clients that get a URL: how each is given the proxy, and how it says that it was refused. */
import { TOOLS, type SystemTool } from "../../../scripts/system-tools.ts";

/** One example. */
export interface ExampleClient {
  readonly file: string;
  readonly needs?: SystemTool;
  /** Default: a URL with user and key. */
  readonly proxy?: "url" | "origin" | "host" | "socks-url";
  /** What it prints, besides the body: default, the status. */
  readonly shows?: "exit";
  readonly posts?: boolean;
  /** What it prints when the key is wrong; default 407. */
  readonly refused?: RegExp;
  /** It is run with a proxy that speaks TLS, too. */
  readonly overTls?: boolean;
}

const { curl, wget, pythonClients } = TOOLS;

/** All of them. */
export const EXAMPLE_CLIENTS: readonly ExampleClient[] = [
  { file: "curl.sh", needs: curl, shows: "exit", overTls: true },
  { file: "curl-post.sh", needs: curl, shows: "exit", posts: true },
  { file: "curl-tunnel.sh", needs: curl, shows: "exit" },
  { file: "curl-session.sh", needs: curl, shows: "exit", proxy: "origin" },
  { file: "curl-socks.sh", needs: curl, proxy: "host", refused: /rejected by the SOCKS5 server/ },
  // Of a refused tunnel wget prints the reason without its number.
  { file: "wget.sh", needs: wget, refused: /Proxy Authentication Required/ },
  { file: "python-requests.py", needs: pythonClients, overTls: true },
  { file: "python-requests.py", needs: pythonClients, proxy: "socks-url", refused: /SOCKS5/ },
  { file: "python-requests-post.py", needs: pythonClients, posts: true },
  { file: "python-httpx.py", needs: pythonClients },
  { file: "python-aiohttp.py", needs: pythonClients },
  { file: "python-urllib.py", needs: pythonClients },
  { file: "undici.ts", overTls: true },
  { file: "fetch.sh", overTls: true },
  { file: "axios.ts", overTls: true },
  { file: "axios-post.ts", posts: true },
  { file: "got.ts", overTls: true },
];
