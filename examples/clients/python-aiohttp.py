import asyncio, os
import aiohttp

PROXY = os.environ.get("PROXY", "http://any:KEY@127.0.0.1:8081")
URL = os.environ.get("URL", "https://example.com/")

async def main():
    async with aiohttp.ClientSession() as session, session.get(URL, proxy=PROXY) as response:
        print(response.status, await response.text())

asyncio.run(main())
