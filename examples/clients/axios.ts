import axios from "axios";

const { PROXY = "http://any:KEY@127.0.0.1:8081", URL: url = "https://example.com/" } = process.env;
const { protocol, hostname: host, port, username, password } = new URL(PROXY);

const client = axios.create({
  proxy: { protocol, host, port: Number(port), auth: { username, password } },
});
const { status, data } = await client.get<unknown>(url, { responseType: "text" });
console.log(status, data);
