import { ProxyAgent, WebSocket } from "undici";

const { PROXY = "http://any:KEY@127.0.0.1:8081", URL = "wss://echo.example.com/" } = process.env;

const socket = new WebSocket(URL, { dispatcher: new ProxyAgent(PROXY) });
socket.addEventListener("open", () => socket.send("hello"));
socket.addEventListener("message", ({ data }) => {
  console.log(data);
  socket.close();
});
socket.addEventListener("error", ({ message }) => {
  console.error(message);
  process.exitCode = 1;
});
