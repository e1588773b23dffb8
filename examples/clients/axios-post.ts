import axios from "axios";

const { PROXY = "http://any:KEY@127.0.0.1:8081", URL: url = "https://example.com/" } = process.env;
const { protocol, hostname: host, port, username, password } = new URL(PROXY);

const { status, data } = await axios.post<unknown>(
  url,
  { name: "höme" },
  { proxy: { protocol, host, port: Number(port), auth: { username, password } } },
);
console.log(status, JSON.stringify(data));
