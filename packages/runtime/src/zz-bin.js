import { launch } from "./launch.js";
await launch(new URL("./zz-main.ts", import.meta.url));
